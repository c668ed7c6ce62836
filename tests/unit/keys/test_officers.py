"""Officers' keys: what is one, and the file that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from keys.jwk import thumbprint
from keys.officers import InvalidOfficerKey, Officer, OfficerKey
from keys.signatures import SignatureMismatch

PASSPHRASE = "câu mật khẩu dài".encode()


def test_an_officer_is_known_by_the_thumbprint_of_the_key() -> None:
    key = OfficerKey.generate()
    assert key.officer.kid == thumbprint(key.officer.jwk)
    assert set(key.officer.jwk) == {"kty", "crv", "x"}
    assert Officer.read(key.officer.jwk) == key.officer
    assert "PRIVATE" not in repr(key).upper()


def test_a_signature_is_one_officers_over_one_text() -> None:
    one, other = OfficerKey.generate(), OfficerKey.generate()
    signature = one.sign(b"text")
    one.officer.verify(signature, b"text")
    for officer, made, text in (
        (other.officer, signature, b"text"),
        (one.officer, signature, b"texT"),
        (one.officer, signature[:-1], b"text"),
        (one.officer, b"", b"text"),
        (one.officer, bytes(64), b"text"),
    ):
        with pytest.raises(SignatureMismatch):
            officer.verify(made, text)


EC = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "OKP"},
        {"kty": "OKP", "crv": "Ed25519", "x": 1},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "d": "A" * 43},
        {"kty": "oct", "k": "A" * 43},
        EC,
    ],
    ids=repr,
)
def test_other_keys_are_no_officers(jwk: dict[str, Any]) -> None:
    with pytest.raises(InvalidOfficerKey):
        Officer.read(jwk)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_the_file_holds_the_key(tmp_path: Path, passphrase: bytes | None) -> None:
    key, file = OfficerKey.generate(), tmp_path / "officer.pem"
    key.create_file(file, passphrase)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (b"ENCRYPTED" in file.read_bytes()) == (passphrase is not None)
    read = OfficerKey.read_file(file, passphrase)
    assert read.officer == key.officer
    key.officer.verify(read.sign(b"text"), b"text")


def test_the_file_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    file = tmp_path / "officer.pem"
    OfficerKey.generate().create_file(file, PASSPHRASE)
    for passphrase in (None, b"another", PASSPHRASE[:-1]):
        with pytest.raises(InvalidOfficerKey, match="passphrase is wrong or missing"):
            OfficerKey.read_file(file, passphrase)


def test_an_open_key_and_a_passphrase_do_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "officer.pem"
    OfficerKey.generate().create_file(file, None)
    with pytest.raises(InvalidOfficerKey, match="does not open"):
        OfficerKey.read_file(file, PASSPHRASE)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "officer.pem"
    key = OfficerKey.generate()
    key.create_file(file, None)
    with pytest.raises(InvalidOfficerKey, match="cannot be created"):
        OfficerKey.generate().create_file(file, None)
    assert OfficerKey.read_file(file, None).officer == key.officer


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "officer.pem"
    OfficerKey.generate().create_file(file, None)
    file.chmod(mode)
    with pytest.raises(InvalidOfficerKey, match="chmod 600"):
        OfficerKey.read_file(file, None)


def _pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem


def _armoured(label: bytes, body: bytes) -> bytes:
    """A PEM file that holds no key, only the form of one."""
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label, body, label)


UNKNOWN_CIPHER = _armoured(
    b"ENCRYPTED PRIVATE KEY", b"MC4wDwYGKgMEBQYHMAUEAQECAQEEG2FhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "does not open"),
        (_armoured(b"PRIVATE KEY", b"AAAA"), "does not open"),
        (UNKNOWN_CIPHER, "does not open"),
        (_pem(ec.generate_private_key(ec.SECP256R1())), "not an Ed25519 key"),
        (_pem(ed25519.Ed25519PrivateKey.generate())[:60], "does not open"),
    ],
    ids=["empty", "no key", "unknown cipher", "another kind", "cut off"],
)
def test_other_files_are_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "officer.pem"
    file.write_bytes(content)
    file.chmod(0o600)
    for passphrase in (None, PASSPHRASE):
        with pytest.raises(
            InvalidOfficerKey, match=sentence if passphrase is None else "Ed25519|does not open"
        ):
            OfficerKey.read_file(file, passphrase)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidOfficerKey, match="cannot be read"):
        OfficerKey.read_file(tmp_path / "none.pem", None)
    with pytest.raises(InvalidOfficerKey, match="cannot be created"):
        OfficerKey.generate().create_file(tmp_path / "no" / "officer.pem", None)
    assert list(tmp_path.iterdir()) == []
