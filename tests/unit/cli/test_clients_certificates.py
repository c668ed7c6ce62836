"""`motcua clients add` registers clients with certificates where somebody asks for them, and else says what to set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Wish, root, self_signed
from tests.support.certified import by_itself, by_name, machine

HOLDER = self_signed(Wish("CN=portal"))
BOUND = machine("bound", token_endpoint_auth_method="private_key_jwt", jwks={"keys": [HOLDER.jwk()]})


def add(run: Any, metadata: dict[str, Any]) -> Any:
    return run("clients", "add", "-", stdin=json.dumps(metadata))


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_MTLS_URL", "https://mtls.example.vn")
    monkeypatch.setenv("IDP_TRUSTED_PROXIES", "192.0.2.1")


@pytest.mark.parametrize("metadata", [by_name(), by_itself("alone", HOLDER), BOUND])
def test_where_nobody_asks_for_certificates(run: Any, installed: Path, metadata: dict[str, Any]) -> None:
    result = add(run, metadata)
    assert result.exit_code == 1
    assert "IDP_MTLS_URL" in result.output


@pytest.mark.parametrize("metadata", [by_itself("alone", HOLDER), BOUND])
def test_where_a_proxy_asks(run: Any, installed: Path, asking: None, metadata: dict[str, Any]) -> None:
    assert add(run, metadata).exit_code == 0
    shown = json.loads(run("clients", "show", metadata["client_id"], "--json").output)
    assert shown["tls_client_certificate_bound_access_tokens"] is True


def test_names_need_an_authority(
    run: Any, installed: Path, asking: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = add(run, by_name())
    assert result.exit_code == 1
    assert "IDP_CLIENT_CA_FILE" in result.output
    file = tmp_path / "authorities.pem"
    file.write_text(root().pem, encoding="ascii")
    monkeypatch.setenv("IDP_CLIENT_CA_FILE", str(file))
    assert add(run, by_name()).exit_code == 0
