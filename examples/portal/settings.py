"""What one portal is: its look, its addresses and its registration, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.portal.way import STANDARD, WAYS, Way


class PortalSettingsError(Exception):
    """One sentence that says what is wrong with the portal's file."""


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """Everything that differs between one portal and another.

    `issuer` is the provider's address as its discovery document writes it; `base_url` is this portal's own
    address as browsers see it, without a final slash.
    """

    issuer: str
    base_url: str
    name: str
    motto: str
    service: str
    colour: str
    silent_first: bool
    signed_userinfo: bool
    minimum_level: int
    essential_claims: list[str]
    registration: dict[str, Any]
    own_api: bool = False

    @property
    def client_id(self) -> str:
        """The name under which the provider knows this portal."""
        return str(self.registration["client_id"])

    @property
    def way(self) -> Way:
        """How it talks to the provider, by the profile of its registration."""
        return WAYS[self.registration.get("profile", STANDARD)]

    @property
    def scope(self) -> str:
        """The scopes asked at every sign-in, separated by spaces."""
        return str(self.registration["scope"])

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back; compared byte by byte with the registered one."""
        return f"{self.base_url}/callback"

    @property
    def post_logout_redirect_uri(self) -> str:
        """Where the provider sends the browser after the end of the session."""
        return f"{self.base_url}/logged-out"

    @property
    def backchannel_logout_uri(self) -> str:
        """Where the provider tells that a session has ended, from server to server."""
        return f"{self.base_url}/backchannel-logout"

    @property
    def api(self) -> str:
        """The address of the API that this portal calls for people: its name as a resource (RFC 8707)."""
        return f"{self.base_url}/api"

    @property
    def secure(self) -> bool:
        """Whether browsers reach the portal by https."""
        return self.base_url.startswith("https://")


def read_settings(path: Path, *, issuer: str, base_url: str) -> PortalSettings:
    """The portal described in the TOML file at `path`.

    Raises:
        PortalSettingsError: the file is missing, is not TOML, or lacks a value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        settings = PortalSettings(
            issuer=issuer,
            base_url=base_url.rstrip("/"),
            registration=document["registration"],
            **document["portal"],
        )
        if settings.registration.get("profile", STANDARD) not in WAYS:
            raise PortalSettingsError(f"{path} has a profile that this portal cannot keep to")
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PortalSettingsError(f"{path} cannot be read: {error}") from error
    except (KeyError, TypeError) as error:
        raise PortalSettingsError(f"{path} does not describe a portal: {error}") from error
    return settings
