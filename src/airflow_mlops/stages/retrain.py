"""The retrain stage."""
