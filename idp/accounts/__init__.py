"""Accounts: how they begin, how they are locked."""
