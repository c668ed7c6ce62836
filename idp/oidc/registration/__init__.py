"""Clients that register themselves: who may, what they may ask for, and what becomes of it (RFC 7591, RFC 7592)."""
