"""What a refresh token is made of: a family part that stays, and a secret part that changes with each rotation."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Final

_SHAPE: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it is handed out; the store sees digests of it only."""

    family: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """As the client holds it."""
        return f"{self.family}.{self.secret}"

    @property
    def family_digest(self) -> bytes:
        """SHA-256 of the part that stays."""
        return hashlib.sha256(self.family.encode()).digest()

    @property
    def secret_digest(self) -> bytes:
        """SHA-256 of the part that changes."""
        return hashlib.sha256(self.secret.encode()).digest()


def first_token() -> RefreshToken:
    """The first token of a new family: 128 and 256 random bits."""
    return RefreshToken(secrets.token_urlsafe(16), secrets.token_urlsafe(32))


def successor(token: RefreshToken) -> RefreshToken:
    """The next token of the same family."""
    return RefreshToken(token.family, secrets.token_urlsafe(32))


def read_refresh_token(text: str) -> RefreshToken | None:
    """A refresh token of ours, or None for any other text."""
    found = _SHAPE.fullmatch(text)
    return None if found is None else RefreshToken(found[1], found[2])
