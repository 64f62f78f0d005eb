"""The approve stage."""
