"""The life cycle in one table, and the only door to a stage."""
