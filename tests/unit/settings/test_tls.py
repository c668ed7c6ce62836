"""The settings of TLS contradict each other in no way that would be noticed only by clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from idp.settings import Settings, SettingsError, read_settings

ISSUER = {"IDP_ISSUER": "https://sso.example.vn"}
FILES = {"IDP_TLS_CERTIFICATE_FILE": "/etc/motcua/tls.crt", "IDP_TLS_KEY_FILE": "/etc/motcua/tls.key"}
MTLS = {"IDP_MTLS_URL": "https://mtls.sso.example.vn"}
PROXY = {"IDP_TRUSTED_PROXIES": "192.0.2.1"}
LISTEN = {"IDP_MTLS_LISTEN": "0.0.0.0:9443"}
AUTHORITIES = {"IDP_CLIENT_CA_FILE": "/etc/motcua/authorities.pem"}


def test_without_them_everything_is_plain() -> None:
    settings = read_settings({})
    assert (settings.tls_files, settings.mtls_url, settings.mtls_listen) == (None, "", "")
    assert settings.client_ca_file is None


def test_files_of_the_listener() -> None:
    settings = read_settings({**ISSUER, **FILES})
    assert settings.tls_files == (Path("/etc/motcua/tls.crt"), Path("/etc/motcua/tls.key"))


@pytest.mark.parametrize(
    "more",
    [
        {**MTLS, **PROXY},
        {**MTLS, **PROXY, **AUTHORITIES},
        {**MTLS, **FILES, **LISTEN},
        {**MTLS, **FILES, **LISTEN, **PROXY, **AUTHORITIES},
        {"IDP_MTLS_URL": "https://sso.example.vn:9443", **FILES, **LISTEN},
    ],
)
def test_ways_to_ask_for_certificates(more: dict[str, str]) -> None:
    assert isinstance(read_settings({**ISSUER, **more}), Settings)


REFUSED = {
    "a certificate without key": ({"IDP_TLS_CERTIFICATE_FILE": "a"}, "IDP_TLS_KEY_FILE is missing"),
    "a key without certificate": ({"IDP_TLS_KEY_FILE": "a"}, "IDP_TLS_CERTIFICATE_FILE is missing"),
    "no path": ({**FILES, "IDP_TLS_KEY_FILE": ""}, "IDP_TLS_KEY_FILE must be the path of a file"),
    "an issuer without TLS": ({**FILES, "IDP_ISSUER": "http://localhost:9000"}, "IDP_ISSUER must be https"),
    "nobody asks": (MTLS, "IDP_MTLS_URL needs IDP_MTLS_LISTEN, or the proxy"),
    "the issuer itself": (
        {"IDP_MTLS_URL": "https://sso.example.vn", **PROXY},
        "IDP_MTLS_URL must not be IDP_ISSUER",
    ),
    "plain http": ({"IDP_MTLS_URL": "http://mtls.sso.example.vn", **PROXY}, "IDP_MTLS_URL must be https"),
    "a path": ({"IDP_MTLS_URL": "https://mtls.sso.example.vn/mtls", **PROXY}, "have no path"),
    "a final slash": ({"IDP_MTLS_URL": "https://mtls.sso.example.vn/", **PROXY}, "final slash"),
    "a name in it": (
        {"IDP_MTLS_URL": "https://a@mtls.sso.example.vn", **PROXY},
        "IDP_MTLS_URL must be https",
    ),
    "a listener without address": (
        {**FILES, **LISTEN},
        "IDP_MTLS_LISTEN has no use without IDP_MTLS_URL",
    ),
    "a listener without TLS": ({**MTLS, **LISTEN}, "IDP_MTLS_LISTEN needs IDP_TLS_CERTIFICATE_FILE"),
    "authorities for nothing": (AUTHORITIES, "IDP_CLIENT_CA_FILE has no use without IDP_MTLS_URL"),
    "a listener without port": ({**MTLS, **FILES, "IDP_MTLS_LISTEN": "localhost"}, "must be HOST:PORT"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_contradictions_stop_the_start(why: str) -> None:
    given, sentence = REFUSED[why]
    with pytest.raises(SettingsError) as refused:
        read_settings({**ISSUER, **given})
    assert sentence in str(refused.value)
