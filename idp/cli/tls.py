"""Our own TLS listener: TLS 1.3, and 1.2 with the few suites that RFC 9325 recommends (FAPI 2.0 §5.2)."""

from __future__ import annotations

import logging
import ssl
import sys
from pathlib import Path
from typing import Final

from idp.settings import Settings, SettingsError

logger = logging.getLogger("motcua.tls")

CIPHERS: Final = (
    "@SECLEVEL=2:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
    ":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
"""Of TLS 1.2: those that RFC 9325 §4.2 recommends, and no others (FAPI 2.0 §5.2.2). TLS 1.3 has none that are weak."""

HANDSHAKE_SECONDS: Final = 10
"""A connection that has not agreed on keys by then is closed."""

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME, which the module does not name: our rules look at the times, and tell what is wrong."""


class ServerTls:
    """What one listener says in handshakes. `ask` is whether clients may show a certificate.

    Raises:
        SettingsError: one sentence, when a file cannot be used.
    """

    def __init__(
        self, files: tuple[Path, Path], *, ask: bool = False, authorities: Path | None = None
    ) -> None:
        self.context = _context()
        self.asks = ask
        self._files = files
        self._read_at = _changed_at(files)
        _load(self.context, files)
        if ask:
            _ask(self.context, authorities)

    def follow(self) -> None:
        """Take up a renewed certificate; connections that exist keep theirs. One that is unfit is reported."""
        try:
            changed_at = _changed_at(self._files)
            if changed_at == self._read_at:
                return
            self._read_at = changed_at
            _load(_context(), self._files)  # a new certificate with an old key would spoil what is in use
            _load(self.context, self._files)
        except SettingsError as error:
            logger.warning("the renewed TLS certificate is not taken up: %s", error)
        else:
            logger.info("the TLS certificate was renewed")


def server_tls(settings: Settings) -> tuple[ServerTls | None, ServerTls | None]:
    """What the listener for everybody speaks, and the one that asks for certificates (RFC 8705 §5).

    Raises:
        SettingsError: one sentence, when a file cannot be used.
    """
    files = settings.tls_files
    if files is None:
        return None, None
    ordinary = ServerTls(files)
    if not settings.mtls_listen:
        return ordinary, None
    return ordinary, ServerTls(files, ask=True, authorities=settings.client_ca_file)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    # Without tickets there is no key of ours that would open the connections of many days (RFC 9325 §3.4, §7.4).
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    return context


def _load(context: ssl.SSLContext, files: tuple[Path, Path]) -> None:
    certificate, key = files
    for path in files:
        if not path.is_file():
            raise SettingsError(f"There is no file {path}, which IDP_TLS_{_kind(path, key)}_FILE names.")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:  # ssl.SSLError among them
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(
            f"{certificate} and {key} are not a certificate chain and its private key in PEM: {reason}."
        ) from error
    except ValueError as error:
        raise SettingsError(f"{key} cannot be read: {error}.") from error


def _kind(path: Path, key: Path) -> str:
    return "KEY" if path == key else "CERTIFICATE"


def _no_password() -> str:
    raise ValueError("a key of the TLS listener has no passphrase; protect the file")


def _changed_at(files: tuple[Path, Path]) -> tuple[int, ...]:
    try:
        return tuple(path.stat().st_mtime_ns for path in files)
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}.") from error


def _ask(context: ssl.SSLContext, authorities: Path | None) -> None:
    """Ask for a certificate, and go on without one: most of what is served here needs none to be told so."""
    context.verify_mode = ssl.CERT_OPTIONAL
    # What clients registered themselves ends a chain as well as an authority does.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    if authorities is None:
        return
    try:
        context.load_verify_locations(authorities)
    except OSError as error:
        raise SettingsError(
            f"IDP_CLIENT_CA_FILE names {authorities}, which holds no certificates in PEM."
        ) from error


def tls_extension(secured: ssl.SSLObject) -> dict[object, object]:
    """What ASGI tells applications about a connection (TLS extension): the certificates of the client in PEM."""
    chain = tuple(ssl.DER_cert_to_PEM_cert(der) for der in _shown(secured))
    return {
        "server_cert": None,
        "client_cert_chain": chain,
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": None,
        "cipher_suite": None,
    }


def _shown(secured: ssl.SSLObject) -> list[bytes]:
    """The certificates (DER) that the client has sent, its own first; none where it has none."""
    leaf = secured.getpeercert(binary_form=True)
    if leaf is None:
        return []
    if sys.version_info >= (3, 13):
        return secured.get_unverified_chain()
    # Until then the module knows, and has no public name for it.
    chain = secured._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return [leaf, *(ssl.PEM_cert_to_DER_cert(further.public_bytes()) for further in chain[1:])]
