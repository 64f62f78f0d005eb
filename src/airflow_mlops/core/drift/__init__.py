"""Drift: compares the profile of a window with the reference profile written at training."""
