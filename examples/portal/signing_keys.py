"""The provider's public keys: fetched once, kept for a while, fetched again when an unknown key signs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

KEPT_SECONDS = 600
"""After this time the keys are fetched again, so that a withdrawn key is forgotten."""

QUIET_SECONDS = 30
"""Unknown keys cause at most one fetch in this time: a flood of forged tokens must not become one of ours."""


class UnknownKey(Exception):
    """No published key of the provider has this `kid`."""


class SigningKeys:
    """The provider's JWK Set (RFC 7517 §5) with its two rules of renewal.

    `fetch` returns the JSON of `jwks_uri`; `clock` counts seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = -float("inf")

    async def get(self, kid: str | None) -> PyJWK:
        """The key named `kid`.

        Raises:
            UnknownKey: the provider publishes no such key.
        """
        if self._age() > KEPT_SECONDS:
            await self._renew()
        if kid not in self._keys and self._age() > QUIET_SECONDS:
            await self._renew()  # the provider may have changed keys (OpenID Connect Core §10.1.1)
        if kid is None or kid not in self._keys:
            raise UnknownKey(kid)
        return self._keys[kid]

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _renew(self) -> None:
        document = await self._fetch()
        try:
            published = PyJWKSet.from_dict(dict(document))
        except PyJWTError as error:
            raise UnknownKey("the provider publishes no usable key") from error
        self._keys = {key.key_id: key for key in published.keys if key.key_id}
        self._fetched_at = self._clock()
