"""Canonical JSON: one spelling of a document, so that signatures and hashes are over octets that nobody can vary.

The documents of this room hold strings, whole numbers, arrays and objects with ASCII names only; for them, sorted names
without white space are the canonical form of RFC 8785.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


class InvalidDocument(ValueError):
    """Not a document in its canonical spelling, or not of its kind; the message is one sentence."""


def canonical(document: Mapping[str, object]) -> bytes:
    """The one spelling of a document (RFC 8785 §3.2)."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def read_canonical(octets: bytes) -> dict[str, Any]:
    """The document that `octets` is the canonical spelling of.

    Raises:
        InvalidDocument: not JSON, not an object, or spelled otherwise.
    """
    try:
        document = orjson.loads(octets)
    except ValueError as error:
        raise InvalidDocument("The document is not JSON.") from error
    if not isinstance(document, dict):
        raise InvalidDocument("The document is not a JSON object.")
    if canonical(document) != octets:
        raise InvalidDocument("The document is not in its canonical spelling.")
    return document


def string(document: Mapping[str, Any], name: str) -> str:
    """A member that is a string and not empty."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidDocument(f"The member `{name}` is a string that is not empty.")
    return value


def number(document: Mapping[str, Any], name: str) -> int:
    """A member that is a whole number, not negative."""
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidDocument(f"The member `{name}` is a whole number.")
    return value


def member(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object."""
    value = document.get(name)
    if not isinstance(value, dict):
        raise InvalidDocument(f"The member `{name}` is an object.")
    return value


def objects(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A member that is an array of objects and not empty."""
    value = document.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(member, dict) for member in value):
        raise InvalidDocument(f"The member `{name}` is an array of objects that is not empty.")
    return value


def only(document: Mapping[str, Any], *names: str) -> None:
    """Refuse members that nobody would look at: what is signed must all be understood.

    Raises:
        InvalidDocument: there are others.
    """
    if others := sorted(document.keys() - set(names)):
        raise InvalidDocument(f"The document has members that are not known: {', '.join(others)}.")
