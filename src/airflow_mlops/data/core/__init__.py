"""Pure decisions about data."""
