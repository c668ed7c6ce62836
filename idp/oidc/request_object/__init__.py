"""Requests that travel in a JWT of the client (RFC 9101, OpenID Connect Core §6)."""
