"""The tables as this room declares them, apart from any migration."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.exc import IntegrityError

from keys import store

KEY = {
    "purpose": "id_token",
    "algorithm": "ES256",
    "state": "active",
    "public_jwk": "{}",
    "sealed_private_key": b"sealed",
    "created_at": 1,
    "activated_at": 1,
}


def test_two_active_keys_of_a_kind_cannot_be_kept() -> None:
    engine = create_engine("sqlite://")
    store.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(store.signing_keys).values(kid="a", **KEY))
        connection.execute(insert(store.signing_keys).values(kid="b", **{**KEY, "algorithm": "RS256"}))
        with pytest.raises(IntegrityError, match="UNIQUE"):
            connection.execute(insert(store.signing_keys).values(kid="c", **KEY))
    engine.dispose()
