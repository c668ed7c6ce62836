"""The files of our own TLS: renewed ones are taken up, unfit ones are told in one sentence and change nothing."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from idp.cli.tls import ServerTls
from idp.settings import SettingsError
from tests.support.certificates import Holder, root, server


def put(folder: Path, holder: Holder, at: int) -> tuple[Path, Path]:
    """The files of the server, last changed at a moment."""
    files = holder.write(folder, "server")
    for file in files:
        os.utime(file, (at, at))
    return files


def shown(tls: ServerTls, trusted: Holder) -> bytes | None:
    """The certificate that a client which trusts one is shown in a handshake; None where it trusts another."""
    context = ssl.create_default_context(cadata=trusted.pem)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname="localhost")
    serving = tls.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, serving):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return None
    return client.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_taken_up(tmp_path: Path) -> None:
    old, new = server(), server()
    tls = ServerTls(put(tmp_path, old, 1))
    assert shown(tls, old) == old.der
    put(tmp_path, new, 2)
    assert shown(tls, old) == old.der
    tls.follow()
    assert shown(tls, new) == new.der
    assert shown(tls, old) is None


def test_what_is_half_renewed_waits_for_the_other_half(tmp_path: Path) -> None:
    old, new = server(), server()
    certificate, key = put(tmp_path, old, 1)
    tls = ServerTls((certificate, key))
    certificate.write_text(new.pem, encoding="ascii")
    tls.follow()
    assert shown(tls, old) == old.der
    put(tmp_path, new, 3)
    tls.follow()
    assert shown(tls, new) == new.der


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_files_that_become_unfit_change_nothing(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    old = server()
    certificate, key = put(tmp_path, old, 1)
    tls = ServerTls((certificate, key))
    certificate.unlink() if damage == "gone" else certificate.write_text("", encoding="ascii")
    tls.follow()
    assert shown(tls, old) == old.der
    assert "not taken up" in caplog.text


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        ServerTls((tmp_path / "a.crt", tmp_path / "a.key"))


def test_files_that_are_nothing_of_the_kind(tmp_path: Path) -> None:
    certificate, key = server().write(tmp_path, "server")
    certificate.write_text("nothing", encoding="ascii")
    with pytest.raises(SettingsError, match="are not a certificate chain and its private key"):
        ServerTls((certificate, key))


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    (certificate, _), (_, key) = server().write(tmp_path, "one"), server().write(tmp_path, "other")
    with pytest.raises(SettingsError, match="KEY_VALUES_MISMATCH"):
        ServerTls((certificate, key))


def test_a_key_with_a_passphrase(tmp_path: Path) -> None:
    holder = server()
    certificate, key = holder.write(tmp_path, "server")
    key.write_bytes(
        holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    with pytest.raises(SettingsError, match="no passphrase"):
        ServerTls((certificate, key))


@pytest.mark.parametrize("text", [None, "", "nothing"])
def test_authorities_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "authorities.pem"
    if text is not None:
        file.write_text(text, encoding="ascii")
    with pytest.raises(SettingsError, match="IDP_CLIENT_CA_FILE"):
        ServerTls(server().write(tmp_path, "server"), ask=True, authorities=file)


def test_who_asks_and_who_does_not(tmp_path: Path) -> None:
    files = server().write(tmp_path, "server")
    (tmp_path / "authorities.pem").write_text(root().pem, encoding="ascii")
    assert ServerTls(files).context.verify_mode is ssl.CERT_NONE
    asking = ServerTls(files, ask=True, authorities=tmp_path / "authorities.pem")
    assert asking.context.verify_mode is ssl.CERT_OPTIONAL
    assert len(asking.context.get_ca_certs()) == 1
