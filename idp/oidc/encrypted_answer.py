"""Answers that only the client they are for can read (Core §10.2, RFC 7519 §11.2): signed, then encrypted.

A client's key may have to be fetched. `equip` does so before a code is burnt or a release is recorded; `encrypted` then
finds the key at hand, and gives out nothing in the clear where it does not.
"""

from __future__ import annotations

from dataclasses import replace

from idp.errors import InvalidRequest, TemporarilyUnavailable
from idp.oidc.client import Client, Encryption
from idp.oidc.client_keys import ClientKeys
from keys.encryption import encrypt


class NoRecipient(LookupError):
    """There is no key at hand to encrypt with for a client; the caller has not equipped it."""


async def equip(client: Client, encryption: Encryption | None, keys: ClientKeys) -> Client:
    """The client with the keys at hand that its answers are encrypted with; the same one where none are needed.

    Keys that are registered inline were looked at then (`idp.oidc.client_contradictions`).

    Raises:
        TemporarilyUnavailable: the client's `jwks_uri` does not give them now.
        InvalidRequest: what it gives has no key for this.
    """
    if encryption is None or not client.jwks_uri:
        return client
    found = await keys.keys_of(client)
    if found is None:
        raise TemporarilyUnavailable(
            f"the keys at the jwks_uri of this client cannot be had: {keys.failure(client)}"
        )
    if found.find_recipient(encryption.alg) is None:
        raise InvalidRequest(
            f"the key set at the jwks_uri of this client has no key for {encryption.alg}: one that says use enc"
        )
    return replace(client, jwks=found)


def encrypted(content: str, client: Client, encryption: Encryption | None, *, signed: bool = True) -> str:
    """What is sent in the place of a token: the token itself, or a JWE around it where the client registered so.

    `signed` says that the content is a JWT itself, which the header then names (RFC 7519 §5.2).

    Raises:
        NoRecipient: the client was not equipped.
    """
    if encryption is None:
        return content
    key = None if client.jwks is None else client.jwks.find_recipient(encryption.alg)
    if key is None:
        raise NoRecipient(f"no key for {encryption.alg} of {client.client_id}")
    return encrypt(content.encode(), key, encryption.enc, content_type="JWT" if signed else "")
