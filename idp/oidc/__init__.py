"""The protocol's rules, one a file: pure functions over frozen values. No HTTP, no SQL."""
