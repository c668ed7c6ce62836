"""Of `motcua check`: our own certificate, and the authorities that certify clients."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from idp.cli.findings import Finding, Verdict
from idp.cli.output import instant
from idp.settings import Settings, SettingsError

if TYPE_CHECKING:
    from keys.certificate import Certificate

RENEWAL_WARN_SECONDS: Final = 14 * 24 * 3600
"""Programs that renew certificates by themselves do so a month before the end: by now they have failed."""

AUTHORITY_WARN_SECONDS: Final = 90 * 24 * 3600
"""Clients need new certificates by an authority's successor before it ends."""

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def is_wanted(settings: Settings) -> bool:
    """Whether there is anything to look at."""
    return settings.tls_files is not None or bool(settings.mtls_url)


async def check_tls(settings: Settings) -> Finding:
    """Files that can be used, a certificate with our names and in its time, authorities in theirs."""
    from idp.cli.tls import server_tls
    from idp.oidc.client_authorities import read_authorities

    try:
        server_tls(settings)
        authorities = read_authorities(settings)
    except SettingsError as error:
        return Finding("tls", Verdict.FAIL, str(error), "`motcua serve` does not start like this.")
    now = int(time.time())
    findings = [*_own(settings, now), *_of_authorities(authorities.certificates, now)]
    worst = [finding for finding in findings if finding.verdict is Verdict.FAIL] or [
        finding for finding in findings if finding.verdict is Verdict.WARN
    ]
    return (worst or [Finding("tls", Verdict.OK, "; ".join(finding.found for finding in findings))])[0]


def _own(settings: Settings, now: int) -> Iterator[Finding]:
    if settings.mtls_url:
        way = f"at {settings.mtls_listen}" if settings.mtls_listen else "by a proxy"
        yield Finding("tls", Verdict.OK, f"clients show certificates {way}")
    if settings.tls_files is None:
        return
    own = _first(settings.tls_files[0])
    hosts = [settings.issuer, *([settings.mtls_url] if settings.mtls_listen else [])]
    missing = [host for host in (urlsplit(url).hostname or "" for url in hosts) if not _is_for(own, host)]
    found = f"own certificate good until {instant(own.not_after)}"
    if missing:
        advice = f"Browsers and clients refuse it: it must name {', '.join(missing)}."
        yield Finding("tls", Verdict.FAIL, f"own certificate is for {', '.join(own.san_dns)}", advice)
    elif own.not_after < now:
        yield Finding("tls", Verdict.FAIL, found, "Renew it; the running provider takes it up by itself.")
    elif own.not_after < now + RENEWAL_WARN_SECONDS:
        yield Finding("tls", Verdict.WARN, found, "Renew it; the running provider takes it up by itself.")
    else:
        yield Finding("tls", Verdict.OK, found)


def _of_authorities(authorities: tuple[Certificate, ...], now: int) -> Iterator[Finding]:
    if not authorities:
        return
    first = min(authorities, key=lambda authority: authority.not_after)
    found = f"{len(authorities)} authorities of clients, the first good until {instant(first.not_after)}"
    if first.not_after < now + AUTHORITY_WARN_SECONDS:
        advice = f"Put the successor of {first.subject_dn} into IDP_CLIENT_CA_FILE and restart."
        yield Finding("tls", Verdict.WARN, found, advice)
    else:
        yield Finding("tls", Verdict.OK, found)


def _first(path: Path) -> Certificate:
    from keys.certificate import read_certificate

    text = path.read_text(encoding="ascii", errors="replace")
    _, _, rest = text.partition(_BEGIN)
    body, end, _ = rest.partition(_BEGIN.replace("BEGIN", "END"))
    return read_certificate(ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{body}{end}\n"))


def _is_for(own: Certificate, host: str) -> bool:
    """RFC 9525 §6.3, §6.4: the name or address itself, or a wildcard in the place of its first label."""
    if host in own.san_ip:
        return True
    names = {name.lower() for name in own.san_dns}
    _, dot, parent = host.partition(".")
    return host in names or bool(dot and f"*.{parent}" in names)
