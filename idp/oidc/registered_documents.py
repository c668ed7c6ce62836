"""What a client registers by address is looked at when it registers (OpenID Connect Registration §2, §5)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from idp.oidc.client import Client
from idp.oidc.client_keys import fetch_key_set
from idp.oidc.logo import Logo, NoLogo, fetch_logo
from idp.oidc.remote import Fetch, FetchFailed
from idp.oidc.sector import check_sector
from keys.jose import InvalidJwkSet


@dataclass(frozen=True, slots=True)
class Documents:
    """The logo to be shown, and `notes` on what is not in order yet and need not be: sentences for who registers."""

    logo: Logo | None
    notes: tuple[str, ...]


async def look_at_documents(fetch: Fetch, client: Client) -> Documents:
    """Check the sector, fetch the logo, and try whether keys are where they will be looked for.

    A logo or keys that are not there yet do not prevent a registration: a portal is often registered before it runs.

    Raises:
        InvalidClientMetadata: the sector is not proven.
    """
    await check_sector(fetch, client)
    (logo, about_logo), about_keys = await asyncio.gather(_logo(fetch, client), _note_on_keys(fetch, client))
    return Documents(logo, tuple(note for note in (about_logo, about_keys) if note))


async def _logo(fetch: Fetch, client: Client) -> tuple[Logo | None, str]:
    try:
        return await fetch_logo(fetch, client), ""
    except NoLogo as error:
        return None, f"The logo at {client.logo_uri} is not shown: {error}."


async def _note_on_keys(fetch: Fetch, client: Client) -> str:
    if not client.jwks_uri:
        return ""
    try:
        keys = await fetch_key_set(fetch, client.jwks_uri)
    except FetchFailed as error:
        return f"There are no keys at {client.jwks_uri} now: {error.code}."
    except InvalidJwkSet as error:
        return f"The keys at {client.jwks_uri} cannot be used: {error}"
    ways = (client.id_token_encryption, client.userinfo_encryption, client.introspection_encryption)
    lacking = {way.alg for way in ways if way is not None and keys.find_recipient(way.alg) is None}
    if lacking:
        return f"The keys at {client.jwks_uri} have none for {', '.join(sorted(lacking))}: one that says use enc."
    return ""
