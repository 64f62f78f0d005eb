"""The figures of a card, from plain arrays."""
