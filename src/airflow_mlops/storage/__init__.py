"""File systems, files and databases that every room writes to."""
