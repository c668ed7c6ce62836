"""Portals behind Apache's httpd with mod_auth_openidc: each a server of its own on its own port, all in one process."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt import PyJWK

from tests.support.relying_parties.connection import Connection
from tests.support.web_servers import recipe, running_server

_PROGRAM: Final = Path("/usr/sbin/apache2")
_MODULES: Final = Path("/usr/lib/apache2/modules")
_CLOCK: Final = Path(f"/usr/lib/{platform.machine()}-linux-gnu/faketime/libfaketimeMT.so.1")
_LOADED: Final = (
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "dir",
    "alias",
    "rewrite",
    "auth_openidc",
)
_COMMON: Final = """
User www-data
Group www-data
ServerRoot "{folder}"
PidFile "{folder}/pid"
ServerName localhost
DocumentRoot "{folder}/pages"
DirectoryIndex index.html
LogLevel error auth_openidc:info
ErrorLog "{folder}/errors"
StartServers 1
"""
_HERE: Final = """
    ErrorLog "{folder}/{port}.errors"
    # Cookies do not tell the ports of a host apart.
    OIDCCookie portal_{port}
"""


def _key_files(jwk: Mapping[str, str], private: Path, public: Path) -> Iterator[str]:
    key = PyJWK.from_dict(dict(jwk)).key
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    yield f"OIDCPrivateKeyFiles {jwk['kid']}#{private}"
    yield f"OIDCPublicKeyFiles {jwk['kid']}#{public}"


def _authentication(connection: Connection, folder: Path) -> str:
    if connection.private_key is None:
        return f"OIDCClientSecret {connection.secret}"
    private = folder / f"{urlsplit(connection.base).port}.pem"
    keys = _key_files(connection.private_key, private, private.with_suffix(".pub"))
    return "\n".join((*keys, "OIDCProviderTokenEndpointAuth private_key_jwt"))


def _portal(connection: Connection, folder: Path) -> str:
    """What the README shows, with the names of this portal in the place of those of the sample."""
    port = str(urlsplit(connection.base).port)
    own = {
        "OIDCClientSecret ${PORTAL_SECRET}": _authentication(connection, folder),
        "${PORTAL_PASSPHRASE}": "of-a-test",
        "http://localhost:9000": connection.issuer,
        "my-portal": connection.client_id,
        '"openid profile"': f'"{connection.scope}"',
        "OIDCPKCEMethod S256": "OIDCPKCEMethod S256" if connection.pkce else "",
        "OIDCIDTokenSignedResponseAlg ES256": f"OIDCIDTokenSignedResponseAlg {connection.id_token_alg}",
        "8080": port,
        "</VirtualHost>": _HERE.format(folder=folder, port=port) + "</VirtualHost>",
    }
    return recipe("apache", own)


def _configure(connections: Sequence[Connection], folder: Path) -> Path:
    pages = folder / "pages" / "protected"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text("protected", "utf-8")
    (pages.parent / "index.html").write_text("home", "utf-8")
    loaded = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _LOADED)
    portals = "".join(_portal(one, folder) for one in connections)
    file = folder / "httpd.conf"
    file.write_text(loaded + _COMMON.format(folder=folder) + portals, "utf-8")
    return file


def errors(connection: Connection, folder: Path) -> str:
    """What a portal's administrator reads in its log."""
    return (folder / f"{urlsplit(connection.base).port}.errors").read_text("utf-8")


def _environment(clock: int) -> dict[str, str]:
    """That of a server whose clock is so many seconds ahead."""
    shifted = {"LD_PRELOAD": str(_CLOCK), "FAKETIME": f"+{clock}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return dict(os.environ) | (shifted if clock else {})


@contextmanager
def apache_portals(connections: Mapping[str, Connection], folder: Path) -> Iterator[None]:
    """All of them, until the end of the block; they share one clock."""
    chosen = list(connections.values())
    file = _configure(chosen, folder)
    (clock,) = {one.clock for one in chosen}
    with running_server(
        [_PROGRAM, "-f", file, "-D", "FOREGROUND"],
        [urlsplit(one.base).port or 0 for one in chosen],
        needs=(_MODULES / "mod_auth_openidc.so", _CLOCK),
        environment=_environment(clock),
    ):
        yield
