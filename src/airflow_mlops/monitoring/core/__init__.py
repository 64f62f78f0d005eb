"""Pure decisions about monitoring."""
