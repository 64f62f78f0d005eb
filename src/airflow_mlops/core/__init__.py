"""Pure decisions and records: standard library, numpy and scipy only; no input or output."""
