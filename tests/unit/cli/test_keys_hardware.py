"""Officers have keys made in a hardware module, and keys in memory certified by it, by `motcua keys`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keys.policy import State
from tests.support.officers_desk import Desk
from tests.support.softhsm import SoftHsm


@pytest.fixture
def desk(environment: Path, database_url: str, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk.furnish(environment, database_url)
    monkeypatch.setenv("IDP_PKCS11_MODULE", str(softhsm.library))
    monkeypatch.setenv("IDP_PKCS11_TOKEN", "officers")
    monkeypatch.setenv("IDP_PKCS11_PIN_FILE", str(softhsm.pin_file))
    return desk


def made(answer: dict[str, Any]) -> str:
    return str(next(event["kid"] for event in answer["events"] if event["event"] == "generated"))


def test_a_key_is_made_in_the_module_and_signs(desk: Desk) -> None:
    assert desk.told(
        "generate", "--purpose", "id_token", "--alg", "ML-DSA-65", "--backend", "pkcs11",
        "--officer", str(desk.files[0]),
    ).endswith("not ML-DSA-65.")  # fmt: skip
    kid = made(
        desk.done("generate", "--purpose", "audit", "--alg", "ES256", "--backend", "pkcs11", "--unpublished")
    )
    desk.done("publish", kid)
    desk.done("activate", kid)
    key = desk.ground().history.keys[kid]
    assert (key.state, key.backend) == (State.ACTIVE, "pkcs11")
    assert "  pkcs11  " in desk.run("list").output
    desk.done("revoke", kid, "--reason", "rehearsal")
    successor = desk.ground().history.active(("audit", "ES256"))
    assert successor is not None
    assert successor.backend == "pkcs11"


def test_rotation_moves_to_the_module(desk: Desk) -> None:
    desk.done("rotation", "--backend", "pkcs11")
    rotation = desk.ground().history.rotation
    assert rotation is not None
    assert rotation.backend == "pkcs11"
    assert rotation.in_memory["encryption"] == rotation.keys["encryption"]
    assert "ES256" not in rotation.in_memory.get("id_token", ())
    again = desk.done("rotation")
    assert again["carried_out"]
    anew = desk.ground().history.rotation
    assert anew is not None
    assert (anew.backend, anew.keys, anew.in_memory) == ("pkcs11", rotation.keys, rotation.in_memory)


def test_keys_in_memory_are_certified_by_the_module(desk: Desk) -> None:
    change = desk.proposed("rotation", "--backend", "certified")
    (one,) = json.loads(desk.run("changes", "--open", "--json").output)
    assert any(line.startswith("  the hardware module's key ") for line in one["words"])
    desk.approved(change)
    rotation = desk.ground().history.rotation
    assert rotation is not None
    kid = made(desk.done("generate", "--purpose", "audit", "--alg", "ES256"))
    shown = json.loads(desk.run("show", kid, "--json").output)
    assert shown["backend"] == "certified"
    assert shown["events"][0]["certificate"].count(".") == 2
    assert "certified by the hardware module: ey" in desk.run("show", kid).output
    desk.done("rotation", "--active-days", "5", "--pending-days", "2")
    anew = desk.ground().history.rotation
    assert anew is not None
    assert (anew.certifier, anew.active_lifetime) == (rotation.certifier, 5 * 24 * 3600)
