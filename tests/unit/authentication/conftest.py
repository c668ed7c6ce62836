"""Persons and surroundings for the tests of this room."""

from __future__ import annotations

from tests.support.persons import context, hasher, registers

__all__ = ["context", "hasher", "registers"]
