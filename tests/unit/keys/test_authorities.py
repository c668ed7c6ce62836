"""A certificate is a client's where a chain leads from it to an authority of ours, and nowhere else."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from keys.authorities import LONGEST_CHAIN, Authorities, UntrustedCertificate
from keys.certificate import Certificate, read_certificate
from tests.support.certificates import CLIENTS, SERVERS, Holder, Wish, issued, root, self_signed

NOW = int(time.time())
ROOT = root()
BETWEEN = issued(Wish("CN=Test Between,O=Test Authority,C=VN", authority=True), ROOT)
CLIENT = Wish("CN=portal,O=Ministry,C=VN")
VERSION = b"\xa0\x03\x02\x01\x02"  # 3, as it stands in a certificate (RFC 5280 §4.1.2.1)


def read(holder: Holder, *chain: Holder) -> Certificate:
    return read_certificate(holder.der, tuple(one.der for one in chain))


def known(*holders: Holder) -> Authorities:
    return Authorities([holder.certificate for holder in holders])


def test_issued_by_a_root() -> None:
    known(ROOT).verify(read(issued(CLIENT, ROOT)), NOW)


def test_a_certificate_without_extensions_but_by_the_root() -> None:
    known(ROOT).verify(read(issued(Wish(CLIENT.subject, plain=True), ROOT)), NOW)


def test_between_known_to_us() -> None:
    known(ROOT, BETWEEN).verify(read(issued(CLIENT, BETWEEN)), NOW)


def test_between_sent_by_the_client() -> None:
    known(ROOT).verify(read(issued(CLIENT, BETWEEN), BETWEEN), NOW)


def test_for_clients() -> None:
    known(ROOT).verify(read(issued(Wish(CLIENT.subject, usage=CLIENTS), ROOT)), NOW)


LEAF = issued(CLIENT, ROOT)
REFUSED = {
    "signed itself": self_signed(CLIENT),
    "by a namesake of the root": issued(CLIENT, root()),
    "by a client": issued(CLIENT, LEAF),
    "by a client that says it is an authority": issued(Wish(CLIENT.subject, authority=True), LEAF),
    "between is not known": issued(CLIENT, BETWEEN),
    "an authority itself": BETWEEN,
    "the root itself": ROOT,
    "for servers": issued(Wish(CLIENT.subject, usage=SERVERS), ROOT),
    "over": issued(Wish(CLIENT.subject, begins=-7200, ends=-3600), ROOT),
    "not yet": issued(Wish(CLIENT.subject, begins=3600), ROOT),
}


@pytest.mark.parametrize("why", REFUSED)
def test_no_chain(why: str) -> None:
    with pytest.raises(UntrustedCertificate):
        known(ROOT).verify(read(REFUSED[why]), NOW)


@pytest.mark.parametrize("why", REFUSED)
def test_the_reason_names_nobody(why: str) -> None:
    holder = REFUSED[why]
    with pytest.raises(UntrustedCertificate) as refused:
        known(ROOT).verify(read(holder), NOW)
    names = [name.value for name in (*holder.certificate.subject, *holder.certificate.issuer)]
    assert [name for name in names if len(name) > 2 and str(name) in str(refused.value)] == []


def test_what_a_client_sends_is_no_root() -> None:
    stranger = root("CN=Stranger")
    with pytest.raises(UntrustedCertificate):
        known(ROOT).verify(read(issued(CLIENT, stranger), stranger), NOW)


def test_without_authorities_nobody_is_believed() -> None:
    with pytest.raises(UntrustedCertificate, match="no authority is configured"):
        Authorities.read(None).verify(read(issued(CLIENT, ROOT)), NOW)


@pytest.mark.parametrize("further", [b"", b"further", BETWEEN.der.replace(VERSION, VERSION[:-1] + b"\x42")])
def test_a_chain_that_holds_what_is_no_certificate(further: bytes) -> None:
    with pytest.raises(UntrustedCertificate):
        known(ROOT, BETWEEN).verify(read_certificate(issued(CLIENT, BETWEEN).der, (further,)), NOW)


def test_an_end_is_seen_though_the_chain_was_found_before() -> None:
    authorities, holder = known(ROOT), issued(Wish(CLIENT.subject, ends=30, at=NOW), ROOT)
    authorities.verify(read(holder), NOW)
    with pytest.raises(UntrustedCertificate, match="not valid at this time"):
        authorities.verify(read(holder), NOW + 40)


def test_the_end_of_an_authority_is_seen_within_a_minute() -> None:
    short = issued(Wish("CN=Short", authority=True, ends=30, at=NOW), ROOT)
    authorities, holder = known(ROOT, short), issued(CLIENT, short)
    authorities.verify(read(holder), NOW)
    with pytest.raises(UntrustedCertificate):
        authorities.verify(read(holder), NOW + 61)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "authorities.pem"
    file.write_text(BETWEEN.pem + ROOT.pem, encoding="ascii")
    Authorities.read(file).verify(read(issued(CLIENT, BETWEEN)), NOW)


@pytest.mark.parametrize("text", ["", "nothing", BETWEEN.pem])
def test_a_file_without_a_root(tmp_path: Path, text: str) -> None:
    file = tmp_path / "authorities.pem"
    file.write_text(text, encoding="ascii")
    with pytest.raises(ValueError, match=r"root is missing|Unable to load|Valid PEM"):
        Authorities.read(file)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_an_authority_that_openssl_makes_by_itself(tmp_path: Path) -> None:
    openssl(
        tmp_path,
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/C=VN/CN=Root"),
        *("-keyout", "root.key", "-out", "root.pem"),
    )
    openssl(
        tmp_path,
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/C=VN/CN=portal"),
        *("-keyout", "portal.key", "-out", "portal.csr"),
    )
    (tmp_path / "usage").write_text("extendedKeyUsage=clientAuth", encoding="ascii")
    openssl(
        tmp_path,
        *("x509", "-req", "-in", "portal.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"),
        *("-days", "1", "-extfile", "usage", "-outform", "DER", "-out", "portal.der"),
    )
    portal = read_certificate((tmp_path / "portal.der").read_bytes())
    Authorities.read(tmp_path / "root.pem").verify(portal, int(time.time()) + 1)


LIMITED = {
    "no authority below it": Wish("CN=Limited", authority=True, depth=0),
    "for servers only": Wish("CN=Limited", authority=True, usage=SERVERS),
}


@pytest.mark.parametrize("why", LIMITED)
def test_limits_of_an_authority(why: str) -> None:
    limited = issued(LIMITED[why], ROOT)
    below = issued(Wish("CN=Below", authority=True), limited)
    with pytest.raises(UntrustedCertificate):
        known(ROOT, limited, below).verify(read(issued(CLIENT, below)), NOW)


def test_only_so_many_authorities_above_a_client() -> None:
    above = [ROOT]
    for number in range(LONGEST_CHAIN + 1):
        above.append(issued(Wish(f"CN=Step {number}", authority=True), above[-1]))
    known(*above).verify(read(issued(CLIENT, above[LONGEST_CHAIN])), NOW)
    with pytest.raises(UntrustedCertificate):
        known(*above).verify(read(issued(CLIENT, above[LONGEST_CHAIN + 1])), NOW)
