"""The authorities that certify clients of this installation (`IDP_CLIENT_CA_FILE`)."""

from __future__ import annotations

from idp.settings import Settings, SettingsError
from keys.authorities import Authorities


def read_authorities(settings: Settings) -> Authorities:
    """What the named file holds; no authority where none is named.

    Raises:
        SettingsError: one sentence, when the file cannot be used.
    """
    try:
        return Authorities.read(settings.client_ca_file)
    except OSError as error:
        raise SettingsError(f"IDP_CLIENT_CA_FILE: {settings.client_ca_file}: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"IDP_CLIENT_CA_FILE: {settings.client_ca_file}: {error}.") from error
