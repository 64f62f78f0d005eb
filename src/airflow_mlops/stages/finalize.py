"""The finalize stage."""
