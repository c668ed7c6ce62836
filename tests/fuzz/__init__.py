"""Requests that nobody sane would send, to every route."""
