"""`motcua check` looks at our own certificate and at the authorities of clients, where there are any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import SERVERS, Holder, Wish, root, self_signed

DAY = 24 * 3600
HOSTS = ("id.example.vn", "mtls.id.example.vn")


@pytest.fixture
def settings(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("IDP_ISSUER", "https://id.example.vn")
    monkeypatch.setenv("IDP_MTLS_URL", "https://mtls.id.example.vn")
    monkeypatch.setenv("IDP_MTLS_LISTEN", "127.0.0.1:9443")
    return monkeypatch


def own(settings: pytest.MonkeyPatch, folder: Path, **wish: Any) -> None:
    said = {"dns": HOSTS, "usage": SERVERS, "ends": 90 * DAY, **wish}
    certificate, key = self_signed(Wish("CN=id.example.vn", **said)).write(folder, "server")
    settings.setenv("IDP_TLS_CERTIFICATE_FILE", str(certificate))
    settings.setenv("IDP_TLS_KEY_FILE", str(key))


def authorities(settings: pytest.MonkeyPatch, folder: Path, *holders: Holder) -> None:
    file = folder / "authorities.pem"
    file.write_text("".join(holder.pem for holder in holders), encoding="ascii")
    settings.setenv("IDP_CLIENT_CA_FILE", str(file))


def found(run: Any) -> dict[str, str]:
    (one,) = [one for one in json.loads(run("check", "--json").output) if one["subject"] == "tls"]
    return dict(one)


def long_root() -> Holder:
    return self_signed(Wish("CN=Root", authority=True, ends=3650 * DAY))


@pytest.mark.parametrize("dns", [HOSTS, ("id.example.vn", "*.id.example.vn")])
def test_everything_in_order(run: Any, settings: pytest.MonkeyPatch, tmp_path: Path, dns: Any) -> None:
    own(settings, tmp_path, dns=dns)
    authorities(settings, tmp_path, long_root())
    told = found(run)
    assert told["verdict"] == "OK", told
    assert "1 authorities of clients" in told["found"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"dns": ("id.example.vn",)}, ("FAIL", "must name mtls.id.example.vn")),
        ({"dns": ("*.example.vn",)}, ("FAIL", "must name mtls.id.example.vn")),
        ({"begins": -2 * DAY, "ends": -DAY}, ("FAIL", "Renew it")),
        ({"ends": 7 * DAY}, ("WARN", "Renew it")),
    ],
)
def test_our_own_certificate(
    run: Any, settings: pytest.MonkeyPatch, tmp_path: Path, wish: dict[str, Any], expected: tuple[str, str]
) -> None:
    own(settings, tmp_path, **wish)
    told = found(run)
    assert told["verdict"] == expected[0]
    assert expected[1] in told["advice"]


def test_an_authority_that_ends(run: Any, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own(settings, tmp_path)
    authorities(settings, tmp_path, long_root(), root())
    told = found(run)
    assert told["verdict"] == "WARN"
    assert "CN=Test Root" in told["advice"]


def test_files_that_cannot_be_used(run: Any, settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own(settings, tmp_path)
    (tmp_path / "server.key").write_text("nothing", encoding="ascii")
    assert found(run)["verdict"] == "FAIL"


def test_by_a_proxy(run: Any, settings: pytest.MonkeyPatch) -> None:
    settings.delenv("IDP_MTLS_LISTEN")
    settings.setenv("IDP_TRUSTED_PROXIES", "192.0.2.1")
    assert found(run) == {
        "subject": "tls",
        "verdict": "OK",
        "found": "clients show certificates by a proxy",
        "advice": "",
    }
