"""The operator's hand: `motcua`."""
