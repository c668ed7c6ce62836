"""The secret of an authenticator app as it is kept: sealed, for one account."""

from __future__ import annotations

from idp.context import Context
from keys.policy import SecretPurpose


def seal_secret(context: Context, account_id: str, secret: bytes) -> bytes:
    """The secret for the store: it opens for this account only."""
    return context.keyring.seal(SecretPurpose.PERSONAL_DATA, secret, aad=_bound_to(account_id))


def unseal_secret(context: Context, account_id: str, sealed: bytes) -> bytes:
    """The secret again.

    Raises:
        SealBroken: it was sealed for another account, or changed.
    """
    return context.keyring.unseal(SecretPurpose.PERSONAL_DATA, sealed, aad=_bound_to(account_id))


def _bound_to(account_id: str) -> bytes:
    return b"authenticator\0" + account_id.encode()
