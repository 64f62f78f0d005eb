"""The panels of a card, one module for each question that they answer."""
