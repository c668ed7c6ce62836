"""The three settings of a hardware module stand together or not at all."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from idp.settings import Settings, SettingsError, read_settings

ALL = {
    "IDP_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so",
    "IDP_PKCS11_TOKEN": "motcua",
    "IDP_PKCS11_PIN_FILE": "/etc/motcua/pin",
}


def test_without_them_there_is_no_hardware_module() -> None:
    assert Settings().hardware_token is None
    assert read_settings({}).hardware_token is None


def test_all_three_name_a_token() -> None:
    assert read_settings(ALL).hardware_token == (
        Path("/usr/lib/softhsm/libsofthsm2.so"),
        "motcua",
        Path("/etc/motcua/pin"),
    )


@pytest.mark.parametrize("given", [*combinations(ALL, 1), *combinations(ALL, 2)])
def test_a_part_of_them_stops_the_start_with_what_is_missing(given: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({name: ALL[name] for name in given})
    missing = [name for name in ALL if name not in given]
    verb = "is" if len(missing) == 1 else "are"
    assert str(caught.value) == (
        f"{' and '.join(missing)} {verb} missing: library, token and PIN file of a hardware module go together"
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("IDP_PKCS11_MODULE", "", "must be the path of a file"),
        ("IDP_PKCS11_PIN_FILE", "", "must be the path of a file"),
        ("IDP_PKCS11_TOKEN", "", "must be the label of a token, at most 32 octets"),
        ("IDP_PKCS11_TOKEN", "  ", "must be the label of a token, at most 32 octets"),
        ("IDP_PKCS11_TOKEN", "ộ" * 11, "must be the label of a token, at most 32 octets"),
    ],
)
def test_a_bad_value_is_told_by_name(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({**ALL, name: value})
    assert str(caught.value) == f"{name} {reason}"
