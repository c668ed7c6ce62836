"""The portal as a client of its ministry's API: it calls with an access token, and understands the challenges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from examples.portal.challenge import Challenge, read_challenge
from examples.portal.provider import ProviderUnreachable

TIMEOUT_SECONDS = 10.0


class OwnApi:
    """Calls the API at one address. `transport` replaces the network in tests."""

    def __init__(self, address: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._address = address
        self._transport = transport

    async def extracts(self, access_token: str) -> list[Mapping[str, Any]] | Challenge:
        """The person's extracts, or what it takes to see them.

        Raises:
            ProviderUnreachable: no answer, or none that was foreseen.
        """
        headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
        try:
            async with httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT_SECONDS) as http:
                response = await http.get(f"{self._address}/extracts", headers=headers)
            if response.status_code == httpx2.codes.UNAUTHORIZED:
                return read_challenge(response.headers.get("www-authenticate", ""))
            found: list[Mapping[str, Any]] = response.raise_for_status().json()["extracts"]
        except (httpx2.HTTPError, ValueError, KeyError) as error:
            raise ProviderUnreachable(f"API: {error!r}") from error
        return found
