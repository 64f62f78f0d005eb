"""The user's own Python code: imported, called, shipped inside models."""
