"""Một Cửa: one door to every public service. The OpenID provider itself."""
