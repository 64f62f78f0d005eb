"""Where rollouts are stored: SQLite or PostgreSQL."""
