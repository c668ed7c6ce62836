"""A client gets what it is registered for only with keys of its algorithms; before the first ceremony none are."""

from __future__ import annotations

from idp.oidc.client import Client
from keys.keyring import Keyring
from keys.policy import DEFAULT_ALGORITHM, Purpose

REGISTRATION_DEFAULT = "RS256"
"""Signs ID tokens of a client that registers itself and names nothing (OpenID Connect Registration §2)."""


def default_algorithm(keyring: Keyring) -> str:
    """What signs ID tokens of a client that registers itself: RS256 where this installation has it."""
    there = keyring.algorithms(Purpose.ID_TOKEN)
    return REGISTRATION_DEFAULT if REGISTRATION_DEFAULT in there else DEFAULT_ALGORITHM


def missing_keys(client: Client, keyring: Keyring) -> str:
    """What this installation cannot sign or open for a client, in words; empty where nothing is missing."""
    wanted = {
        Purpose.ID_TOKEN: client.id_token_signed_response_alg,
        Purpose.ACCESS_TOKEN: client.access_token_signed_response_alg,
        Purpose.USERINFO: client.userinfo_signed_response_alg,
        Purpose.INTROSPECTION: client.introspection_signed_response_alg,
        Purpose.AUTHORIZATION_RESPONSE: client.authorization_signed_response_alg,
        Purpose.ENCRYPTION: client.request_object_encryption_alg,
    }
    for purpose, alg in wanted.items() if keyring.log is not None else ():
        there = keyring.algorithms(purpose)
        if alg is not None and alg not in there:
            return f"{alg} for {purpose}, and this installation has {', '.join(there) or 'no keys'}"
    return ""
