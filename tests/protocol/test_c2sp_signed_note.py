"""c2sp.org/signed-note and c2sp.org/tlog-checkpoint: the specifications' own examples, and what must be refused."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest

from keys.merkle import EMPTY_ROOT
from keys.notes import (
    NOTE_CHARACTERS,
    Checkpoint,
    InvalidNote,
    NoteSigner,
    NoteVerifier,
    log_origin,
    open_checkpoint,
)

VERIFIER_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
TEXT = "This is an example message.\n"
SIGNATURE = (
    "— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
NOTE = f"{TEXT}\n{SIGNATURE}"
STRANGER = "— example.com/foo AAAAAAAA\n"

ORIGIN = "sso.example.gov.vn/.well-known/key-log"
SIGNER = NoteSigner.of(ORIGIN, bytes(range(32)))
ROOT = sha256(b"root").digest()
CHECKPOINT = Checkpoint(ORIGIN, 20_852_163, ROOT)


def verifier() -> NoteVerifier:
    return NoteVerifier.read(VERIFIER_KEY)


def spelled(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


# signed-note


def test_the_example_of_the_specification() -> None:
    assert verifier().verify(NOTE) == TEXT
    assert verifier().verifier_key == VERIFIER_KEY


@pytest.mark.parametrize("text", ["one\n", "\n", "several\n\nparts\n\n", "Dữ liệu của người dân\n"])
def test_what_is_signed_is_what_is_read(text: str) -> None:
    assert NoteVerifier.read(SIGNER.verifier_key).verify(SIGNER.sign(text)) == text


def test_sixteen_foreign_signatures_are_passed_over() -> None:
    note = NOTE.replace(SIGNATURE, f"— witness.example/w {spelled(bytes(4_627))}\n" * 15 + SIGNATURE)
    assert verifier().verify(note) == TEXT


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("example message", "exemplary message"),
        NOTE.replace("IneyaQM=", "IneyaQI="),
        NOTE.replace("IneyaQM=", "IneyaQN="),  # another spelling of the same octets
        NOTE.replace("example.com/foo ", "example.com/bar "),
        NOTE.replace("Uw2QOk", "Uw2QOU"),
        NOTE.replace(SIGNATURE, STRANGER),
        NOTE.replace(SIGNATURE, SIGNATURE + SIGNATURE.replace("IneyaQM=", "IneyaQI=")),
        NOTE.replace(SIGNATURE, SIGNATURE + "not a signature\n"),
        NOTE.replace(SIGNATURE, SIGNATURE + "— witness.example/w AAAA\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— example.com/foo ", "— example.com/foo  "),
        NOTE.removesuffix("\n"),
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("message.", "message.\t"),
        NOTE + "\n",
        TEXT + SIGNATURE,
        "\n" + SIGNATURE,
        TEXT,
        "",
        NOTE.replace("message", "\ud800"),
        NOTE.replace("message", "m" * NOTE_CHARACTERS),
    ],
)
def test_what_is_not_a_note_of_this_key(note: str) -> None:
    with pytest.raises(InvalidNote):
        verifier().verify(note)


def verifier_key(name: str, kind: bytes, key: bytes) -> str:
    identifier = sha256(name.encode() + b"\n" + kind + key).digest()[:4].hex()
    return f"{name}+{identifier}+{spelled(kind + key)}"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        VERIFIER_KEY.replace("530d903a", "530d903b"),
        VERIFIER_KEY.replace("530d903a", "530D903A"),
        VERIFIER_KEY.replace("example.com/foo", "example.com/bar"),
        VERIFIER_KEY.replace("example.com/foo", ""),
        VERIFIER_KEY.replace("U2k", "U2"),
        VERIFIER_KEY + "\n",
        verifier_key("example.com/foo", b"\x02", bytes(32)),
        verifier_key("example.com/foo", b"\x01", bytes(31)),
        verifier_key("example.com/a b", b"\x01", bytes(32)),
        verifier_key("example.com/\xa0", b"\x01", bytes(32)),
        verifier_key("", b"\x01", bytes(32)),
    ],
)
def test_what_is_not_a_verifier_key(key: str) -> None:
    with pytest.raises(InvalidNote):
        NoteVerifier.read(key)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\x00", "a\u2003b"])
def test_what_is_not_a_name(name: str) -> None:
    with pytest.raises(InvalidNote):
        NoteSigner.of(name, bytes(32))


@pytest.mark.parametrize("text", ["", "no newline", "a\ttab\n", "\ud800\n"])
def test_what_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidNote):
        SIGNER.sign(text)


def test_a_signer_does_not_show_its_key() -> None:
    assert "Private" not in repr(SIGNER)


# tlog-checkpoint


def test_the_origin_is_the_address_of_the_log_without_scheme() -> None:
    assert log_origin("https://sso.example.gov.vn") == ORIGIN
    assert log_origin("http://localhost:9000") == "localhost:9000/.well-known/key-log"


def test_a_checkpoint_has_three_lines() -> None:
    assert CHECKPOINT.text == f"{ORIGIN}\n20852163\n{spelled(ROOT)}\n"
    assert open_checkpoint(SIGNER.sign(CHECKPOINT.text), SIGNER.verifier) == CHECKPOINT


def test_the_example_of_the_checkpoint_specification_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    read = Checkpoint.read(text)
    assert (read.origin, read.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert read.text == text


def test_an_empty_log_has_size_zero() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert open_checkpoint(SIGNER.sign(empty.text), SIGNER.verifier) == empty


def test_extension_lines_are_passed_over() -> None:
    assert open_checkpoint(SIGNER.sign(f"{CHECKPOINT.text}more\n"), SIGNER.verifier) == CHECKPOINT


@pytest.mark.parametrize(
    "text",
    [
        CHECKPOINT.text.replace("20852163", "020852163"),
        CHECKPOINT.text.replace("20852163", "-1"),
        CHECKPOINT.text.replace("20852163", "+1"),
        CHECKPOINT.text.replace("20852163", "٣"),
        CHECKPOINT.text.replace("20852163", "9" * 20),
        CHECKPOINT.text.replace("20852163", " 1"),
        f"{ORIGIN}\n1\n",
        f"{ORIGIN}\n1\n{spelled(ROOT[:31])}\n",
        f"{ORIGIN}\n1\n{spelled(ROOT).rstrip('=')}\n",
        f"\n1\n{spelled(ROOT)}\n",
        f"{CHECKPOINT.text}\n",
        f"{CHECKPOINT.text}\nmore\n",
        f"sso.example.org/.well-known/key-log\n1\n{spelled(ROOT)}\n",
    ],
)
def test_what_is_signed_but_no_checkpoint_of_this_log(text: str) -> None:
    with pytest.raises(InvalidNote):
        open_checkpoint(SIGNER.sign(text), SIGNER.verifier)


def test_a_checkpoint_of_another_key_is_refused() -> None:
    other = NoteSigner.of(ORIGIN, bytes(32))
    with pytest.raises(InvalidNote, match="no signature of this key"):
        open_checkpoint(other.sign(CHECKPOINT.text), SIGNER.verifier)
