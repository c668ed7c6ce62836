"""Check a provider's key set against its public key log before a portal trusts it.

One file for portals to copy: it needs Python 3.11 and `cryptography` (which PyJWT[crypto] brings), nothing else.

1. the key set  2. the checkpoint and its signature  3. every entry, and the root over all of them
4. the hashes that other tools read  5. the checkpoint seen last time  6. each key of the set
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG_PATH: Final = "/.well-known/key-log"
PUBLISHED: Final = frozenset({"published", "activated", "retiring"})
"""The events after which a key may stand in the key set."""
AFTER_THE_END: Final = {"retired": frozenset({"revoked"}), "revoked": frozenset[str]()}
"""The events that may follow those after which a key is gone."""
WIDTH: Final = 256
LARGEST_ANSWER: Final = WIDTH * (2 + 0xFFFF)  # a full bundle of the longest entries
TIMEOUT_SECONDS: Final = 10
PAUSES: Final = (2.0, 8.0)
"""Seconds before it is tried again: the provider's workers learn of a new entry one after the other."""

Fetch = Callable[[str], bytes]
Keys = list[dict[str, Any]]


class CannotCheck(Exception):
    """Nothing is known: the provider was not reached, or this check was set up wrongly."""


class LogBroken(Exception):
    """The log contradicts itself, its signature, or what it has said before: trust no key that is new."""


class LogShorter(LogBroken):
    """The log has fewer entries than it had; a worker that is behind shows this for a moment."""


@dataclass(frozen=True)
class Checkpoint:
    """What the log has signed; `note` is the signed text itself, the evidence."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True)
class LoggedKey:
    """A key as the log has it."""

    jwk: Mapping[str, Any]
    event: str


@dataclass(frozen=True)
class Verified:
    """The keys that may be trusted; those that may not, each with the reason; the log's size now and last time."""

    keys: Keys
    refused: list[tuple[str, str]]
    checkpoint: Checkpoint
    remembered_size: int | None


def fetch(url: str) -> bytes:
    """The body of an answer 200; CannotCheck if there is none."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})  # noqa: S310 - see `verified_keys`
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            body: bytes = answer.read(LARGEST_ANSWER + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise CannotCheck(f"{url} cannot be read: {error}.") from error
    if len(body) > LARGEST_ANSWER:
        raise CannotCheck(f"{url} is longer than anything that belongs there.")
    return body


# Signed notes and checkpoints: c2sp.org/signed-note, c2sp.org/tlog-checkpoint


def open_checkpoint(note: str, verifier_key: str) -> Checkpoint:
    """The checkpoint in a note; LogBroken if the pinned key has not signed it for its log."""
    name, key_id, typed_key = verifier_key.split("+", 2)
    text, _, signatures = note.rpartition("\n\n")
    lines = re.findall(r"^— ([^\s+]+) ([A-Za-z0-9+/]{91}=)$", signatures, re.MULTILINE)
    made = [base64.b64decode(spelled) for signer, spelled in lines if signer == name]
    own = [signature[4:] for signature in made if signature[:4].hex() == key_id]
    if not own:
        raise LogBroken("The log's checkpoint is not signed by the pinned key.")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(typed_key)[1:])
    try:
        for signature in own:
            key.verify(signature, f"{text}\n".encode())
    except (InvalidSignature, UnicodeEncodeError) as error:
        raise LogBroken("The log's checkpoint was changed after it was signed.") from error
    found = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,9})\n([A-Za-z0-9+/]{43}=)", text, re.ASCII)
    if found is None or found[1] != name:
        raise LogBroken("What the log has signed is not a checkpoint of it.")
    return Checkpoint(int(found[2]), base64.b64decode(found[3]), note)


def check_verifier_key(verifier_key: str, issuer: str) -> None:
    """Require the pinned key to be an Ed25519 key of this issuer's log, else CannotCheck."""
    found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", verifier_key, re.ASCII)
    name, key_id, spelled = found.groups() if found else ("", "", "")
    typed_key = base64.b64decode(spelled)
    if typed_key[:1] != b"\x01" or sha256(f"{name}\n".encode() + typed_key).hexdigest()[:8] != key_id:
        raise CannotCheck("The pinned key is not the verifier key of an Ed25519 note key.")
    if name != issuer.partition("://")[2] + LOG_PATH:
        raise CannotCheck(f"The pinned key is one of {name}, not of {issuer}.")


# The tree: RFC 9162 §2.1, c2sp.org/tlog-tiles


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over the hashes of the entries."""
    level = list(leaves)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        odd = level[-1:] if len(level) % 2 else []
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0] if level else sha256(b"").digest()


def leaves_of(entries: Iterable[bytes]) -> list[bytes]:
    """The hashes of the entries."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def tiles(level: str, nodes: int) -> Iterable[tuple[str, int]]:
    """Address and width of each tile of a level with so many nodes."""
    for start in range(0, nodes, WIDTH):
        digits, width = f"{start // WIDTH:03d}", min(WIDTH, nodes - start)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        index = re.sub(r"(\d{3})(?=\d)", r"x\1/", digits)
        yield f"{LOG_PATH}/tile/{level}/{index}" + (f".p/{width}" if width < WIDTH else ""), width


def read_entries(issuer: str, size: int, fetch: Fetch) -> list[bytes]:
    """Every entry of the log, out of its bundles."""
    entries: list[bytes] = []
    for path, width in tiles("entries", size):
        octets, at, expected = fetch(issuer + path), 0, len(entries) + width
        while at < len(octets):
            start = at + 2
            at = start + int.from_bytes(octets[at:start], "big")
            entries.append(octets[start:at])
        if at != len(octets) or len(entries) != expected:
            raise LogBroken(f"{issuer}{path} does not hold the {width} entries that it must hold.")
    return entries


def check_tiles(issuer: str, leaves: Sequence[bytes], fetch: Fetch) -> None:
    """Require the hashes that other tools read to be those of the entries, else LogBroken."""
    level, nodes = 0, list(leaves)
    while nodes:
        for number, (path, width) in enumerate(tiles(str(level), len(nodes))):
            if fetch(issuer + path) != b"".join(nodes[number * WIDTH : number * WIDTH + width]):
                raise LogBroken(f"{issuer}{path} does not hold the hashes of the log's entries.")
        full = len(nodes) // WIDTH * WIDTH
        level, nodes = level + 1, [root_of(nodes[at : at + WIDTH]) for at in range(0, full, WIDTH)]


# What was seen last time


def read_remembered(state_file: Path, verifier_key: str) -> Checkpoint | None:
    """The checkpoint seen last time; None the first time; CannotCheck if the file holds something else."""
    try:
        return open_checkpoint(state_file.read_text(encoding="utf-8"), verifier_key)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LogBroken) as error:
        raise CannotCheck(f"{state_file} does not hold the checkpoint seen last time: {error}") from error


def keep_note(file: Path, note: str) -> None:
    """Keep a note in a file, whole or not at all; CannotCheck if it cannot be written."""
    written = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        written.write_text(note, encoding="utf-8")
        written.replace(file)
    except OSError as error:
        raise CannotCheck(f"{file} cannot be written: {error}.") from error


def check_continues(leaves: Sequence[bytes], now: Checkpoint, before: Checkpoint, state_file: Path) -> None:
    """Require the log to be what it was, and perhaps longer, else LogBroken, and keep both notes as evidence."""
    if now.size < before.size:
        raise LogShorter(f"Entries were taken away from the log: it has {now.size}, and had {before.size}.")
    if root_of(leaves[: before.size]) != before.root:
        evidence = state_file.with_name(f"{state_file.name}.contradiction")
        keep_note(evidence, now.note)
        raise LogBroken(
            f"The log has been rewritten, or shows you another log than others: {state_file} and {evidence} are"
            " both signed by it and contradict each other. Keep both files and tell the supervisory authority."
        )


# The keys


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in members}) < len(members):
        raise ValueError("a member stands twice")
    return dict(members)


def follow(known: LoggedKey | None, event: Mapping[str, Any]) -> LoggedKey:
    """The key after an event; nothing follows its end."""
    if event["type"] == "generated":
        if known is not None:
            raise ValueError("the key was generated before")
        return LoggedKey(dict(event["jwk"]), "generated")
    if known is None:
        raise ValueError("the key was never generated")
    may_follow = AFTER_THE_END.get(known.event)
    return replace(known, event=event["type"]) if may_follow is None or event["type"] in may_follow else known


def read_keys(entries: Sequence[bytes]) -> dict[str, LoggedKey]:
    """The life of every key so far, by `kid`; LogBroken if an entry makes no sense."""
    keys: dict[str, LoggedKey] = {}
    for number, entry in enumerate(entries):
        try:
            event = json.loads(entry, object_pairs_hook=_once)
            kid = event.get("kid")
            if kid is not None:
                keys[kid] = follow(keys.get(kid), event)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LogBroken(f"Entry {number} of the log cannot be understood: {error!r}.") from error
    return keys


def reason_against(key: Mapping[str, Any], logged: LoggedKey | None) -> str | None:
    """Why a key of the key set must not be trusted; None if it may."""
    if logged is None:
        return "is not in the log"
    if key != logged.jwk:
        return "is another key than the one in the log"
    if logged.event not in PUBLISHED:
        return f"must not be published: the last that the log says of it is {logged.event!r}"
    return None


def judge(
    keys: Sequence[Mapping[str, Any]], logged: Mapping[str, LoggedKey]
) -> tuple[Keys, list[tuple[str, str]]]:
    """The keys of a set that may be trusted, and the `kid` of the others with the reason."""
    trusted: Keys = []
    refused: list[tuple[str, str]] = []
    times = Counter(str(key.get("kid")) for key in keys)
    for key in keys:
        kid = str(key.get("kid"))
        reason = "stands in the key set twice" if times[kid] > 1 else reason_against(key, logged.get(kid))
        if reason is None:
            trusted.append(dict(key))
        else:
            refused.append((kid, reason))
    return trusted, refused


def read_key_set(issuer: str, fetch: Fetch) -> Keys:
    """The keys at the provider's `jwks_uri` (OpenID Connect Discovery §4); CannotCheck if there are none."""
    try:
        metadata = json.loads(fetch(f"{issuer}/.well-known/openid-configuration"))
        if metadata["issuer"] != issuer:
            raise CannotCheck(f"{issuer} says that it is {metadata['issuer']}.")
        return [dict(key) for key in json.loads(fetch(metadata["jwks_uri"]))["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise CannotCheck(f"{issuer} has no key set that can be read: {error!r}.") from error


def check_once(issuer: str, verifier_key: str, state_file: Path, keys: Keys | None, fetch: Fetch) -> Verified:
    """`verified_keys` without patience."""
    shown = (
        read_key_set(issuer, fetch) if keys is None else keys
    )  # before the log, which must know them already
    before = read_remembered(state_file, verifier_key)
    now = open_checkpoint(fetch(f"{issuer}{LOG_PATH}/checkpoint").decode("utf-8", "replace"), verifier_key)
    entries = read_entries(issuer, now.size, fetch)
    leaves = leaves_of(entries)
    if root_of(leaves) != now.root:
        raise LogBroken("The log's entries are not those that its checkpoint was signed for.")
    check_tiles(issuer, leaves, fetch)
    if before is not None:
        check_continues(leaves, now, before, state_file)
    if before is None or now.size > before.size:
        keep_note(state_file, now.note)
    trusted, refused = judge(shown, read_keys(entries))
    return Verified(trusted, refused, now, before.size if before else None)


def verified_keys(
    issuer: str,
    verifier_key: str,
    state_file: Path,
    *,
    keys: Keys | None = None,
    fetch: Fetch = fetch,
    pauses: Sequence[float] = PAUSES,
) -> Verified:
    """Which of the provider's keys may be trusted: of `keys` if the caller has fetched them, else of its `jwks_uri`.

    `verifier_key` comes from the provider on paper, once; `state_file` remembers the log between calls.

    Raises:
        LogBroken: trust no key that was not trusted before.
        CannotCheck: nothing is known; try later.
    """
    if not issuer.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise CannotCheck("The issuer is an https address.")
    check_verifier_key(verifier_key, issuer)
    for pause in (*pauses, None):
        try:
            verified = check_once(issuer, verifier_key, state_file, keys, fetch)
            if not verified.refused or pause is None:
                return verified
        except (CannotCheck, LogShorter):
            if pause is None:
                raise
        time.sleep(pause)
    raise AssertionError  # the last round returns or raises


# The command


def report(arguments: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Exit status and what is told."""
    try:
        found = verified_keys(
            arguments.issuer, arguments.verifier_key, arguments.state, pauses=arguments.pauses
        )
    except LogBroken as error:
        return 2, {"outcome": "log_broken", "sentence": str(error)}
    except CannotCheck as error:
        return 3, {"outcome": "not_checked", "sentence": str(error)}
    told = {
        "size": found.checkpoint.size,
        "root": base64.b64encode(found.checkpoint.root).decode(),
        "remembered_size": found.remembered_size,
        "keys": found.keys,
        "refused": [{"kid": kid, "reason": reason} for kid, reason in found.refused],
    }
    if found.refused:
        reasons = "; ".join(f"key {kid} {reason}" for kid, reason in found.refused)
        return 1, {
            "outcome": "key_refused",
            "sentence": f"Do not trust every key of the set: {reasons}.",
            **told,
        }
    sentence = (
        f"All {len(found.keys)} keys are in the log of {found.checkpoint.size} entries and may be published."
    )
    return 0, {"outcome": "verified", "sentence": sentence, **told}


def main(words: Sequence[str] | None = None) -> int:
    """0: every key is verified; 1: a key is refused; 2: the log is broken; 3: nothing could be checked."""
    parser = argparse.ArgumentParser(description="Check a provider's key set against its key log.")
    parser.add_argument("issuer", help="https://sso.example.gov.vn")
    parser.add_argument("verifier_key", help="the verifier key of the log, as the provider handed it over")
    parser.add_argument("--state", type=Path, default=Path("key-log.checkpoint"), help="remembers the log")
    parser.add_argument("--json", action="store_true", help="tell everything as JSON")
    parser.add_argument(
        "--once", action="store_const", const=(), default=PAUSES, dest="pauses", help="do not retry"
    )
    arguments = parser.parse_args(words)
    status, told = report(arguments)
    print(json.dumps(told, ensure_ascii=False) if arguments.json else told["sentence"])
    return status


if __name__ == "__main__":
    sys.exit(main())
