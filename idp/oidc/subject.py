"""Pairwise subject identifiers (OpenID Connect Core §8.1): one per person and sector, linked by nobody but us."""

from __future__ import annotations

from keys.base64url import encode_text
from keys.keyring import Keyring
from keys.policy import SecretPurpose


def pairwise_subject(keyring: Keyring, sector: str, account_id: str) -> str:
    """The `sub` of a person within a sector: 43 characters that say nothing.

    It hangs on the internal account id only, so that no correction of a name or a number changes it.
    """
    return encode_text(keyring.digest(SecretPurpose.PAIRWISE, f"{sector}\0{account_id}".encode()))
