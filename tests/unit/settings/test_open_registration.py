"""Open registration is asked for by the address it is for: a setting copied elsewhere stops the start."""

from __future__ import annotations

import pytest

from idp.settings import SettingsError, read_settings

SANDBOX = "https://sandbox.example.vn"


def test_nobody_registers_unless_it_is_said() -> None:
    assert not read_settings({}).sandbox
    assert not read_settings({"IDP_OPEN_REGISTRATION": ""}).sandbox


@pytest.mark.parametrize("issuer", [SANDBOX, "http://localhost:9000", "http://127.0.0.1:9000"])
def test_the_address_is_repeated(issuer: str) -> None:
    assert read_settings({"IDP_ISSUER": issuer, "IDP_OPEN_REGISTRATION": issuer}).sandbox


def test_the_standard_address_counts() -> None:
    assert read_settings({"IDP_OPEN_REGISTRATION": "http://localhost:9000"}).sandbox


@pytest.mark.parametrize("value", ["true", "1", "yes", "sandbox", SANDBOX, "https://sso.example.vn/"])
def test_anything_else_stops_the_start(value: str) -> None:
    with pytest.raises(SettingsError, match="IDP_OPEN_REGISTRATION must repeat IDP_ISSUER"):
        read_settings({"IDP_ISSUER": "https://sso.example.vn", "IDP_OPEN_REGISTRATION": value})
