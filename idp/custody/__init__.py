"""Custody of the keys: changes that officers approve, rotation, and what follows from them outside of the keys."""
