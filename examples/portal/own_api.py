"""The portal as a client of its ministry's API: it calls with an access token, and understands the challenges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from examples.portal.challenge import Challenge, read_challenge
from examples.portal.provider import ProviderUnreachable

TIMEOUT_SECONDS = 10.0


class OwnApi:
    """Calls the API at one address; `bearing` says how a token is sent. `transport` replaces the network in tests."""

    def __init__(
        self,
        address: str,
        bearing: Callable[[str], httpx2.Auth],
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address
        self._bearing = bearing
        self._transport = transport

    async def extracts(self, access_token: str) -> list[Mapping[str, Any]] | Challenge:
        """The person's extracts, or what it takes to see them.

        Raises:
            ProviderUnreachable: no answer, or none that was foreseen.
        """
        auth = self._bearing(access_token) if access_token else None
        try:
            async with httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT_SECONDS) as http:
                response = await http.get(f"{self._address}/extracts", auth=auth)
            if response.status_code == httpx2.codes.UNAUTHORIZED:
                return read_challenge(response.headers.get("www-authenticate", ""))
            found: list[Mapping[str, Any]] = response.raise_for_status().json()["extracts"]
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            raise ProviderUnreachable(f"API: {error!r}") from error
        return found
