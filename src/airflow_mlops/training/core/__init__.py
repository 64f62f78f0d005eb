"""Pure decisions about training: metrics, comparison, gates."""
