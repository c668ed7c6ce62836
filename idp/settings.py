"""Settings of one installation: one frozen value, read once from `IDP_*` variables at start.

Only what differs between installations is here. Protocol policy (lifetimes, algorithms, password rules) is constants
beside the rules they govern.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

PREFIX = "IDP_"


class SettingsError(Exception):
    """One sentence that tells the operator which setting is wrong and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every field is the variable `IDP_<NAME>`; see the table in the README."""

    issuer: str = "http://localhost:9000"
    database_url: str = "sqlite:///var/motcua.db"
    registers_url: str = "sqlite:///var/registers.db"
    kek_file: Path = Path("var/kek")
    listen: str = "127.0.0.1:9000"
    workers: int = 1
    trusted_proxies: tuple[str, ...] = ()
    database_pool: int = 8
    breached_passwords_file: Path | None = None
    help_line: str = ""
    shutdown_seconds: int = 20
    log_level: str = "info"
    pkcs11_module: Path | None = None
    pkcs11_token: str = ""
    pkcs11_pin_file: Path | None = None
    outbound_networks: tuple[str, ...] = ()
    open_registration: str = ""
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    mtls_url: str = ""
    mtls_listen: str = ""
    client_ca_file: Path | None = None

    @property
    def secure(self) -> bool:
        """Whether people reach us by https, so that cookies get `Secure` and the `__Host-` prefix."""
        return self.issuer.startswith("https://")

    @property
    def sandbox(self) -> bool:
        """Whether anybody may register a client (RFC 7591 §3: open registration), for trying out only."""
        return bool(self.open_registration)

    @property
    def hardware_token(self) -> tuple[Path, str, Path] | None:
        """Library, label and file with the PIN of the hardware module's token, where the installation has one."""
        if self.pkcs11_module is None or self.pkcs11_pin_file is None:
            return None
        return self.pkcs11_module, self.pkcs11_token, self.pkcs11_pin_file

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate chain and private key (PEM) of our own TLS listener, where the installation has one."""
        if self.tls_certificate_file is None or self.tls_key_file is None:
            return None
        return self.tls_certificate_file, self.tls_key_file


def split_address(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, an IPv6 address without its brackets."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _read_origin(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.query or parts.fragment or text.endswith("/") or not parts.hostname:
        raise ValueError("must be an address without query, fragment or final slash")
    return parts


def _read_issuer(text: str) -> str:
    parts = _read_origin(text)
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError("must be https (http only on localhost)")
    if parts.path:
        raise ValueError("must have no path: cookies and well-known addresses belong to the whole host")
    return text


def _read_mtls_url(text: str) -> str:
    parts = _read_origin(text)
    if parts.scheme != "https" or parts.path or "@" in parts.netloc:
        raise ValueError("must be https and have no path: the same paths are served there as at the issuer")
    return text


def _read_listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("must be HOST:PORT")
    return text


def _read_count(text: str, lowest: int, highest: int) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ValueError(f"must be a whole number from {lowest} to {highest}")
    return int(text)


def _read_networks(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(part.strip())) for part in text.split(",") if part.strip())


def _read_database_url(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://")):
        raise ValueError("must start with sqlite:/// or postgresql://")
    return text


def _read_path(text: str) -> Path:
    if not text:
        raise ValueError("must be the path of a file")
    return Path(text)


def _read_token_label(text: str) -> str:
    if not text.strip() or len(text.encode()) > 32:
        raise ValueError("must be the label of a token, at most 32 octets")  # PKCS #11 v2.40 §3.2
    return text


def _read_log_level(text: str) -> str:
    if text not in {"debug", "info", "warning", "error"}:
        raise ValueError("must be debug, info, warning or error")
    return text


_READERS: Mapping[str, Any] = {
    "issuer": _read_issuer,
    "database_url": _read_database_url,
    "registers_url": _read_database_url,
    "kek_file": Path,
    "listen": _read_listen,
    "workers": lambda text: _read_count(text, 1, 64),
    "trusted_proxies": _read_networks,
    "database_pool": lambda text: _read_count(text, 1, 100),
    "breached_passwords_file": Path,
    "help_line": str,
    "shutdown_seconds": lambda text: _read_count(text, 1, 600),
    "log_level": _read_log_level,
    "pkcs11_module": _read_path,
    "pkcs11_token": _read_token_label,
    "pkcs11_pin_file": _read_path,
    "outbound_networks": _read_networks,
    "open_registration": str,
    "tls_certificate_file": _read_path,
    "tls_key_file": _read_path,
    "mtls_url": _read_mtls_url,
    "mtls_listen": _read_listen,
    "client_ca_file": _read_path,
}


_TOGETHER: Mapping[str, tuple[str, ...]] = {
    "library, token and PIN file of a hardware module": ("pkcs11_module", "pkcs11_token", "pkcs11_pin_file"),
    "certificate and key of the TLS listener": ("tls_certificate_file", "tls_key_file"),
}


def _check_together(values: Mapping[str, Any]) -> None:
    for what, names in _TOGETHER.items():
        missing = [PREFIX + name.upper() for name in names if name not in values]
        if 0 < len(missing) < len(names):
            verb = "is" if len(missing) == 1 else "are"
            raise SettingsError(f"{' and '.join(missing)} {verb} missing: {what} go together")
    if values.get("open_registration", "") not in {"", values.get("issuer", Settings().issuer)}:
        raise SettingsError(
            f"{PREFIX}OPEN_REGISTRATION must repeat {PREFIX}ISSUER: with it anybody may register clients there, which"
            " is for sandboxes without real people"
        )


def _check_certificates(settings: Settings) -> None:
    """Clients' certificates: asked for by our own listener or by a proxy that is believed, at an address of its own."""
    if settings.tls_files is not None and not settings.secure:
        raise SettingsError(f"{PREFIX}ISSUER must be https where {PREFIX}TLS_CERTIFICATE_FILE is set")
    for name in ("mtls_listen", "client_ca_file"):
        if getattr(settings, name) and not settings.mtls_url:
            raise SettingsError(f"{PREFIX}{name.upper()} has no use without {PREFIX}MTLS_URL")
    if settings.mtls_listen and settings.tls_files is None:
        raise SettingsError(
            f"{PREFIX}MTLS_LISTEN needs {PREFIX}TLS_CERTIFICATE_FILE and {PREFIX}TLS_KEY_FILE"
        )
    if settings.mtls_url and settings.mtls_url == settings.issuer:
        raise SettingsError(
            f"{PREFIX}MTLS_URL must not be {PREFIX}ISSUER: browsers would ask people for certificates"
        )
    if settings.mtls_url and not settings.mtls_listen and not settings.trusted_proxies:
        raise SettingsError(
            f"{PREFIX}MTLS_URL needs {PREFIX}MTLS_LISTEN, or the proxy that asks for certificates there in"
            f" {PREFIX}TRUSTED_PROXIES"
        )


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from the environment; an unknown `IDP_*` name or a bad value stops the start.

    Raises:
        SettingsError: with one sentence that names the variable.
    """
    known = {PREFIX + field.name.upper(): field.name for field in fields(Settings)}
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in known:
            raise SettingsError(
                f"{variable} is not a setting of this program; known are {', '.join(sorted(known))}"
            )
        try:
            values[known[variable]] = _READERS[known[variable]](text)
        except ValueError as error:
            raise SettingsError(f"{variable} {error}") from error
    _check_together(values)
    settings = Settings(**values)
    _check_certificates(settings)
    return settings
