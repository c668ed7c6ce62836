"""What a rule may reach while it serves one request; frozen and handed down, never global."""

from __future__ import annotations

from dataclasses import dataclass

from idp.settings import Settings
from idp.store.database import Database
from keys.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Context:
    """One request's surroundings. `now` is read once (epoch seconds); `network` is the caller's address, cut."""

    settings: Settings
    db: Database
    registers: Database
    keyring: Keyring
    now: int
    request_id: str
    address: str
    network: str
