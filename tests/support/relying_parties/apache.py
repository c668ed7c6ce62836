"""Portals behind Apache's httpd with mod_auth_openidc: each a server of its own on its own port, all in one process."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt import PyJWK

from tests.support.relying_parties.connection import Connection
from tests.support.served import PATIENCE

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
_PORTAL: Final = """
Listen 127.0.0.1:{port}
<VirtualHost 127.0.0.1:{port}>
    ServerName {base}
    ErrorLog "{folder}/{port}.errors"
    OIDCCryptoPassphrase {port}-of-a-test
    OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
    OIDCClientID {client_id}
    OIDCRedirectURI {redirect_uri}
    OIDCDefaultURL {base}/protected/
    OIDCScope "{scope}"
    # Cookies do not tell the ports of a host apart.
    OIDCCookie portal_{port}
    OIDCIDTokenSignedResponseAlg {id_token_alg}
    OIDCInfoHook access_token id_token userinfo
    # The keys of the provider take more room than the 16 kB of an entry of the module's cache.
    OIDCCacheShmEntrySizeMax 65536
    # Older than RFC 9207, the module takes an error that comes with iss for a login that another site begins.
    RewriteEngine On
    RewriteCond %{{QUERY_STRING}} ^(error=.*)&iss=
    RewriteRule ^/callback$ /callback?%1
    {more}
    <Location />
        Require all granted
    </Location>
    <Location /callback>
        AuthType openid-connect
        Require valid-user
    </Location>
    <Location /protected/>
        AuthType openid-connect
        Require valid-user
    </Location>
</VirtualHost>
"""


def _key_files(jwk: Mapping[str, str], private: Path, public: Path) -> Iterator[str]:
    key = PyJWK.from_dict(dict(jwk)).key
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    yield f"OIDCPrivateKeyFiles {jwk['kid']}#{private}"
    yield f"OIDCPublicKeyFiles {jwk['kid']}#{public}"


def _own(connection: Connection, folder: Path) -> Iterator[str]:
    if connection.pkce:
        yield "OIDCPKCEMethod S256"
    if connection.private_key is None:
        yield "OIDCProviderTokenEndpointAuth client_secret_basic"
        yield f"OIDCClientSecret {connection.secret}"
    else:
        private = folder / f"{urlsplit(connection.base).port}.pem"
        yield from _key_files(connection.private_key, private, private.with_suffix(".pub"))
        yield "OIDCProviderTokenEndpointAuth private_key_jwt"


def _portal(connection: Connection, folder: Path) -> str:
    return _PORTAL.format(
        port=urlsplit(connection.base).port,
        base=connection.base,
        folder=folder,
        issuer=connection.issuer,
        client_id=connection.client_id,
        redirect_uri=connection.redirect_uri,
        scope=connection.scope,
        id_token_alg=connection.id_token_alg,
        more="\n    ".join(_own(connection, folder)),
    )


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


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


def _environment(clock: int) -> dict[str, str]:
    """That of a server whose clock is so many seconds ahead."""
    shifted = {"LD_PRELOAD": str(_CLOCK), "FAKETIME": f"+{clock}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return dict(os.environ) | (shifted if clock else {})


@contextmanager
def apache_portals(connections: Mapping[str, Connection], folder: Path) -> Iterator[None]:
    """All of them, until the end of the block; they share one clock."""
    needed = (_PROGRAM, _MODULES / "mod_auth_openidc.so", _CLOCK)
    if not all(file.exists() for file in needed):
        pytest.fail(
            "Apache with mod_auth_openidc is not installed: run `.ci/system-packages`, or `make test`."
        )
    chosen = list(connections.values())
    file = _configure(chosen, folder)
    (clock,) = {one.clock for one in chosen}
    process = subprocess.Popen(
        [_PROGRAM, "-f", file, "-D", "FOREGROUND"],
        env=_environment(clock),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        deadline = time.monotonic() + PATIENCE
        while not all(_listens(urlsplit(one.base).port or 0) for one in chosen):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stderr.close()
