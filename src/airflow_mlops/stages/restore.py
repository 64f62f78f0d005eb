"""The restore stage."""
