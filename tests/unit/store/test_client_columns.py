"""What a client registered stands in columns of its own, whenever and by whatever release it was registered."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from idp.store import clients
from idp.store.migrate import SCRIPTS, upgrade

NOW = 1_795_305_600
TOLD = "https://portal.example/logout"
REGISTERED: list[tuple[dict[str, Any], tuple[str, str, str | None]]] = [
    ({}, ("ES256", "ES256", None)),
    ({"id_token_signed_response_alg": "RS256"}, ("RS256", "ES256", None)),
    ({"access_token_signed_response_alg": "RS256"}, ("ES256", "RS256", None)),
    ({"backchannel_logout_uri": TOLD}, ("ES256", "ES256", TOLD)),
    ({"backchannel_logout_uri": ""}, ("ES256", "ES256", None)),
]


def columns(row: Any) -> tuple[str, str, str | None]:
    return row["id_token_alg"], row["access_token_alg"], row["backchannel_logout_uri"]


@pytest.mark.parametrize(("metadata", "expected"), REGISTERED)
async def test_the_columns_follow_the_metadata(
    db: Any, metadata: dict[str, Any], expected: tuple[str, str, str | None]
) -> None:
    text = orjson.dumps(metadata).decode()
    await db.write(clients.add("portal", text, secret_digest=None, now=NOW))
    assert columns(await clients.find(db, "portal")) == expected
    await db.write(clients.replace("portal", "{}", secret_digest=b"s" * 32))
    assert columns(await clients.find(db, "portal")) == ("ES256", "ES256", None)
    await db.write(clients.replace("portal", text, secret_digest=None))
    assert columns(await clients.find(db, "portal")) == expected


def _upgrade_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with create_engine(url).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


async def test_clients_of_the_release_before_are_filled_in(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    _upgrade_to(url, "0006")
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executemany(
            "INSERT INTO clients (client_id, metadata, created_at) VALUES (?, ?, ?)",
            [
                ("plain", "{}", NOW),
                ("rs", '{"id_token_signed_response_alg":"RS256"}', NOW),
                ("mixed", '{"access_token_signed_response_alg":"RS256"}', NOW),
                ("named", '{"owner":"Cơ quan","client_name":"Cổng","client_name#en":"Portal"}', NOW),
            ],
        )
    old.close()
    await upgrade(url)
    with sqlite3.connect(tmp_path / "old.db") as new:
        found = new.execute(
            "SELECT client_id, id_token_alg, access_token_alg, backchannel_logout_uri, metadata FROM clients"
        ).fetchall()
        (named,) = new.execute(
            "SELECT owner, name_key, name_key_en FROM clients WHERE client_id = 'named'"
        ).fetchall()
    new.close()
    assert named == ("Cơ quan", "cong", "portal")
    assert sorted(row[:4] for row in found) == [
        ("mixed", "ES256", "RS256", None),
        ("named", "ES256", "ES256", None),
        ("plain", "ES256", "ES256", None),
        ("rs", "RS256", "ES256", None),
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, ("", "", "")),
        ({"owner": "Bộ Tư pháp", "client_name": "Cổng"}, ("Bộ Tư pháp", "cong", "cong")),
        ({"client_name": "Cổng", "client_name#en": "Portal 1"}, ("", "cong", "portall")),
        ({"client_name#vi": "Cổng Đỏ"}, ("", "congdo", "congdo")),
    ],
)
async def test_whose_client_it_is_and_what_its_name_looks_like(
    db: Any, metadata: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    await db.write(clients.add("portal", orjson.dumps(metadata).decode(), secret_digest=None, now=NOW))
    row = await clients.find(db, "portal")
    assert row is not None
    assert (row["owner"], row["name_key"], row["name_key_en"]) == expected


async def test_clients_of_the_release_before_get_a_profile(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    _upgrade_to(url, "0011")
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executemany(
            "INSERT INTO clients (client_id, metadata, created_at, id_token_alg, access_token_alg, owner, name_key,"
            " name_key_en) VALUES (?, ?, 1, 'ES256', 'ES256', '', '', '')",
            [("old", '{"legacy":true}'), ("plain", "{}"), ("said", '{"legacy":false}')],
        )
    old.close()
    await upgrade(url)
    with sqlite3.connect(tmp_path / "old.db") as new:
        found = dict(new.execute("SELECT client_id, metadata FROM clients").fetchall())
    new.close()
    assert {name: orjson.loads(text) for name, text in found.items()} == {
        "old": {"profile": "legacy", "legacy_until": "2027-06-30"},
        "plain": {"profile": "oidc"},
        "said": {"profile": "oidc"},
    }
