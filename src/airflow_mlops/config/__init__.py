"""The pipeline file: its models, its loader and its schema."""
