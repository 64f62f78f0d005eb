"""Drift: compares the profile of a window with the reference profile written at training.

``profiles`` holds what is kept of a column, ``numeric`` and ``categorical`` the two tests, ``multiple``
the control of false alarms, ``verdict`` the decision, ``quality`` what is wrong without being drift.
"""
