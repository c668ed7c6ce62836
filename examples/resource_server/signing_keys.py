"""The provider's public keys: fetched once, kept for a while, fetched again when an unknown key signs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from .refusal import Unavailable

DUE_SECONDS = 600
"""After this time the keys are fetched again, so that a withdrawn key is forgotten."""

KEPT_SECONDS = 3600
"""For so long the keys are still believed when the provider does not answer; then nothing is."""

QUIET_SECONDS = 30
"""Unknown keys cause at most one fetch in this time: a flood of forged tokens must not become one of ours."""

RETRY_SECONDS = 5
"""After this time a fetch that failed is tried again."""

TIMEOUT_SECONDS = 5.0
DISCOVERY = "/.well-known/openid-configuration"


log = logging.getLogger("resource_server")


class UnknownKey(Exception):
    """No published key of the provider has this `kid`."""


class SigningKeys:
    """The provider's JWK Set (RFC 7517 §5) and when it is renewed; one for each process.

    `fetch` returns the JSON of `jwks_uri`, or raises `Unavailable`; `clock` counts seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._quiet_until = -float("inf")
        self._failed = False
        self._fetching = asyncio.Lock()

    async def get(self, kid: str | None) -> PyJWK:
        """The key named `kid`.

        Raises:
            UnknownKey: the provider publishes no such key.
            Unavailable: there are no keys that may still be believed.
        """
        if self._is_due(kid) and not (kid in self._keys and self._fetching.locked()):
            async with self._fetching:  # many requests wait for one fetch; those with a known key do not
                if self._is_due(kid):
                    await self._renew()
        if self._clock() - self._fetched_at > KEPT_SECONDS:
            raise Unavailable("the provider's keys could not be fetched for too long")
        if kid is None or kid not in self._keys:
            raise Unavailable("the key may be a new one") if kid and self._failed else UnknownKey(kid)
        return self._keys[kid]

    def _is_due(self, kid: str | None) -> bool:
        """Because they are old, or because the provider may have changed keys (OpenID Connect Core §10.1.1)."""
        now = self._clock()
        wanted = now - self._fetched_at > DUE_SECONDS or kid not in self._keys
        return wanted and now >= self._quiet_until

    async def _renew(self) -> None:
        now = self._clock()
        try:
            self._keys = _read_keys(await self._fetch())
        except Unavailable as unavailable:
            self._failed, self._quiet_until = True, now + RETRY_SECONDS
            log.warning("%s", unavailable)
        else:
            self._failed, self._fetched_at, self._quiet_until = False, now, now + QUIET_SECONDS


def _read_keys(document: Mapping[str, Any]) -> dict[str, PyJWK]:
    try:
        published = PyJWKSet.from_dict(dict(document)).keys
    except (PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise Unavailable("the provider publishes no usable key") from error
    return {key.key_id: key for key in published if key.key_id and key.public_key_use in {None, "sig"}}


async def fetch_key_set(
    issuer: str, *, transport: httpx2.AsyncBaseTransport | None = None
) -> Mapping[str, Any]:
    """The issuer's JWK Set, found by its discovery document; `transport` replaces the network in tests.

    Raises:
        Unavailable: no answer, none that is meant, or the document of another issuer (OpenID Connect Discovery §4.3).
    """
    try:
        async with httpx2.AsyncClient(transport=transport, timeout=TIMEOUT_SECONDS) as http:
            document = await _get(http, issuer + DISCOVERY)
            if document["issuer"] != issuer:
                raise Unavailable("the discovery document names another issuer")
            return await _get(http, str(document["jwks_uri"]))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError) as error:
        raise Unavailable(f"the provider's keys cannot be fetched: {error!r}") from error


async def _get(http: httpx2.AsyncClient, address: str) -> Mapping[str, Any]:
    found = (await http.get(address)).raise_for_status().json()
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - it is the provider's answer that is wrong
    return found
