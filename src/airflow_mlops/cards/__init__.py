"""The card of a training: one page with what was learned, how good it is, and what was decided."""
