"""The two codes of a device (RFC 8628 §3.2): the long one it keeps, and the short one that a person types.

A user code must be typed in Viet Nam, where the keyboard changes letters under the fingers: Telex turns DD into Đ, W
into Ư, and S F R X J into tones on the vowel before them; and some turn a doubled consonant into two others. So there
is no vowel, no D and no W, and no letter comes twice in a row. What is left are 18 letters, none of which looks like
another or like a digit that is not there: 18 x 17^7, about 7 x 10^9 codes. Guessing is slowed down (`throttle_path`)
and gains nothing: who hits a stranger's code lets the stranger's device into his own account, under his own name.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Final

from idp.store.throttle import Bucket, Limit, bucket, subscriber
from keys.keyring import Keyring
from keys.policy import SecretPurpose

ALPHABET: Final = "BCFGHJKLMNPQRSTVXZ"
LENGTH: Final = 8
GROUP: Final = 4
LONGEST_TYPED: Final = 64

LIFETIME: Final = 15 * 60
"""Seconds that both codes work: long enough to fetch the telephone and find the password; what a phisher sends about is
soon worth nothing (RFC 8628 §5.2). The maintainers must agree to change it."""

FROM_ADDRESS: Final = Limit(interval_ms=6_000, burst=30)
"""Wrong user codes from one IPv4 address or IPv6 /64, by people who are not signed in: 14,400 a day. With a thousand
devices waiting, the country's busiest hour, that is one hit in 500 days. A neighbour behind the same address who is
kept waiting signs in first."""
OF_ACCOUNT: Final = Limit(interval_ms=30_000, burst=20)
"""Wrong user codes of one signed-in person; nobody else's attempts count here."""
ASKING: Final = Limit(interval_ms=1_000, burst=120)
"""New codes for one client from one address: each is a row that lives for `LIFETIME`."""

_FILLING: Final = re.compile(r"[\W_]+")
_SHAPE: Final = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")


class InvalidUserCode(ValueError):
    """The text cannot be a user code, whoever types it."""


def new_user_code() -> str:
    """A fresh code, as it is read: without its hyphen."""
    code = ""
    while len(code) < LENGTH:
        code += secrets.choice(ALPHABET.replace(code[-1:] or " ", ""))
    return code


def print_user_code(code: str) -> str:
    """The code as the device shows it: `XXXX-XXXX`."""
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def read_user_code(text: str) -> str:
    """Read what a person copied from a screen: any case, with or without hyphen and spaces (RFC 8628 §6.1).

    Raises:
        InvalidUserCode: not eight letters of the alphabet.
    """
    code = _FILLING.sub("", text[:LONGEST_TYPED]).upper()
    if _SHAPE.fullmatch(code) is None:
        raise InvalidUserCode(f"must be {LENGTH} letters of {ALPHABET}")
    return code


def user_code_digest(keyring: Keyring, code: str) -> bytes:
    """What the store keeps of a user code: a keyed digest, since there are few enough codes to try them all."""
    return keyring.digest(SecretPurpose.ACTIVATION_CODE, f"device user code:{code}".encode())


def new_device_code() -> str:
    """A fresh device code: 256 random bits."""
    return secrets.token_urlsafe(32)


def device_code_digest(code: str) -> bytes:
    """What the store keeps of a device code."""
    return hashlib.sha256(code.encode()).digest()


def throttle_path(account_id: str | None, address: str) -> Sequence[Bucket]:
    """The bucket of one try at a user code: a signed-in person's own, or that of everybody at this address."""
    if account_id is not None:
        return (bucket("device-account", OF_ACCOUNT, account_id.encode()),)
    return (bucket("device-address", FROM_ADDRESS, subscriber(address)),)


def asking_path(client_id: str, address: str) -> Sequence[Bucket]:
    """The bucket of a device that asks for codes: everybody who knows a public client's id can ask in its name."""
    return (bucket("device-asking", ASKING, client_id.encode(), subscriber(address)),)
