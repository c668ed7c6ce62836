"""The one-time code that an officer hands to a person: made, printed, read, digested.

Ten symbols of Crockford's base 32, which has no letter that looks like a digit: 50 bits. That bears guessing without
any throttle: 3,000 tries a second during the fourteen days of a code are one chance in 300,000 to hit it.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from keys.keyring import Keyring

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 10
GROUP: Final = 5
LIFETIME: Final = 14 * 86400
"""Seconds that a code works: long enough for a letter. The authority that issues accounts must agree to change it."""

_READ_AS: Final = str.maketrans("OIL", "011")
_FILLING: Final = re.compile(r"[\s\-\u2010-\u2015.]+")
_SHAPE: Final = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")


class InvalidActivationCode(ValueError):
    """The text cannot be a code, whoever types it."""


def new_activation_code() -> str:
    """A fresh code, as it is read: without its hyphen."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def print_activation_code(code: str) -> str:
    """The code as a person is given it: `XXXXX-XXXXX`."""
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def read_activation_code(text: str) -> str:
    """Read what a person copied from paper: any case, spaces and hyphens, O for 0, I and L for 1.

    Raises:
        InvalidActivationCode: not ten symbols of the alphabet.
    """
    code = _FILLING.sub("", text).upper().translate(_READ_AS)
    if _SHAPE.fullmatch(code) is None:
        raise InvalidActivationCode(f"must be {LENGTH} letters and digits")
    return code


def activation_code_digest(keyring: Keyring, account_id: str, code: str) -> bytes:
    """What the store keeps: the keyed digest of the code for this account."""
    return keyring.digest("activation_code", f"{account_id}:{code}".encode())
