"""Signing keys in a hardware module: they sign as any other, and never leave it."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import jwt
import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from keys import base64url
from keys.backends import pkcs11_keys
from keys.backends.pkcs11 import NoSuchKey, Pkcs11Signer, Pkcs11Token, TokenUnavailable
from keys.backends.pkcs11_keys import AlgorithmUnsupported, UnsafeKey
from keys.backends.pkcs11_session import Connection
from keys.jose import SignerUnavailable, encode
from keys.jwk import read_jwk, thumbprint
from keys.signatures import verify_signature
from tests.support.softhsm import SoftHsm

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA")
SIZES = {"ES256": 64, "RS256": 256, "PS256": 256, "EdDSA": 64}
_SECRETS = (
    Attribute.VALUE,
    Attribute.PRIVATE_EXPONENT,
    Attribute.PRIME_1,
    Attribute.PRIME_2,
    Attribute.EXPONENT_1,
    Attribute.EXPONENT_2,
    Attribute.COEFFICIENT,
)


def _private(connection: Connection, kid: str) -> Any:
    attributes = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.ID: base64url.decode(kid)}
    (found,) = connection.session.get_objects(attributes)
    return found


def _objects(connection: Connection) -> int:
    return len(list(connection.session.get_objects()))


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_token_signed_inside_verifies_outside(hsm_token: Pkcs11Token, alg: str) -> None:
    signer = await hsm_token.generate(alg)
    token = await encode(signer, {"sub": "Nguyễn"}, "JWT")
    key = jwt.PyJWK.from_dict(signer.public_jwk())
    assert jwt.decode(token, key, algorithms=[alg]) == {"sub": "Nguyễn"}
    assert jwt.get_unverified_header(token) == {"alg": alg, "typ": "JWT", "kid": signer.kid}
    assert len(await signer.sign(b"data")) == SIZES[alg]


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_the_published_key_is_named_by_its_thumbprint(hsm_token: Pkcs11Token, alg: str) -> None:
    signer = await hsm_token.generate(alg)
    jwk = signer.public_jwk()
    assert jwk["kid"] == signer.kid == thumbprint(jwk)
    assert (jwk["alg"], jwk["use"]) == (alg, "sig")
    assert "d" not in jwk


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_the_private_key_does_not_leave(hsm_token: Pkcs11Token, alg: str) -> None:
    signer = await hsm_token.generate(alg)

    def look(connection: Connection) -> None:
        private = _private(connection, signer.kid)
        for name in ("SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "PRIVATE", "TOKEN", "LOCAL"):
            assert private[Attribute[name]] is True, name
        for name in ("EXTRACTABLE", "DECRYPT", "UNWRAP", "DERIVE", "SIGN_RECOVER"):
            assert private[Attribute[name]] is False, name
        for secret in _SECRETS:
            with pytest.raises(PKCS11Error):
                _ = private[secret]
        wrapping: Any = connection.session.generate_key(
            KeyType.AES, 256, capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP
        )
        for mechanism in (None, pkcs11.Mechanism.AES_KEY_WRAP_PAD):
            with pytest.raises(PKCS11Error):
                wrapping.wrap_key(private, mechanism=mechanism)
        for attribute, value in ((Attribute.EXTRACTABLE, True), (Attribute.SENSITIVE, False)):
            with pytest.raises(PKCS11Error):
                private[attribute] = value
        with pytest.raises(PKCS11Error):
            private.copy({Attribute.EXTRACTABLE: True})

    await hsm_token.run(look, again=False)


async def test_a_key_is_found_again_by_its_name(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    made = await hsm_token.generate("ES256")
    found = await softhsm.open().find(made.kid, "ES256")
    assert found.public_jwk() == made.public_jwk()
    verify_signature("ES256", read_jwk(made.public_jwk()).public_key, await found.sign(b"data"), b"data")


async def test_a_signer_asks_the_token_only_when_it_signs(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    made = await hsm_token.generate("ES256")
    with softhsm.away():
        signer = softhsm.open().signer(made.public_jwk())
    verify_signature("ES256", read_jwk(made.public_jwk()).public_key, await signer.sign(b"data"), b"data")


async def test_a_destroyed_key_is_gone(hsm_token: Pkcs11Token) -> None:
    before = await hsm_token.run(_objects)
    signer = await hsm_token.generate("ES256")
    await signer.sign(b"data")
    assert await hsm_token.destroy(signer.kid) is True
    assert await hsm_token.destroy(signer.kid) is False
    assert await hsm_token.run(_objects) == before
    with pytest.raises(NoSuchKey):
        await hsm_token.find(signer.kid, "ES256")
    with pytest.raises(SignerUnavailable, match=f"has no key {signer.kid}"):
        await signer.sign(b"data")


@pytest.mark.parametrize("kid", ["A" * 43, "", "không", "="])
async def test_an_unknown_name_is_no_key(hsm_token: Pkcs11Token, kid: str) -> None:
    with pytest.raises(NoSuchKey):
        await hsm_token.find(kid, "ES256")


async def test_the_token_tells_which_keys_of_ours_it_holds(hsm_token: Pkcs11Token) -> None:
    before = await hsm_token.held()
    signer = await hsm_token.generate("ES256")

    def add_others(connection: Connection) -> None:
        for label, key_id in (
            ("someone else's", b"x"),
            ("không", b""),
            (signer.kid, b"other"),
            ("", b"\xff"),
        ):
            connection.session.generate_keypair(KeyType.RSA, 2048, store=True, label=label, id=key_id)

    await hsm_token.run(add_others, again=False)
    assert await hsm_token.held() - before == {signer.kid}
    await hsm_token.destroy(signer.kid)
    assert await hsm_token.held() == before


async def test_a_key_left_by_a_process_that_died_can_be_found_and_destroyed(hsm_token: Pkcs11Token) -> None:
    before, objects = await hsm_token.held(), await hsm_token.run(_objects)

    def make_half(connection: Connection) -> None:
        pkcs11_keys._make_pair(connection.session, "EC", "motcua unfinished 0123456789abcdef")  # noqa: SLF001

    await hsm_token.run(make_half, again=False)
    (left,) = await hsm_token.held() - before
    assert left == "motcua unfinished 0123456789abcdef"
    assert await hsm_token.destroy(left)
    assert await hsm_token.run(_objects) == objects


async def test_a_key_under_the_name_of_another_does_not_sign(hsm_token: Pkcs11Token) -> None:
    one, other = await hsm_token.generate("ES256"), await hsm_token.generate("ES256")

    def exchange(connection: Connection) -> None:
        connection.private_keys.clear()
        first, second = _private(connection, one.kid), _private(connection, other.kid)
        first[Attribute.ID], second[Attribute.ID] = second[Attribute.ID], first[Attribute.ID]

    await hsm_token.run(exchange, again=False)
    for signer in (one, other):
        with pytest.raises(UnsafeKey, match="is another one"):
            await signer.sign(b"data")


async def test_a_key_does_not_sign_with_another_algorithm(hsm_token: Pkcs11Token) -> None:
    made = await hsm_token.generate("ES256")
    with pytest.raises(UnsafeKey, match="does not sign with RS256"):
        await hsm_token.find(made.kid, "RS256")


async def test_two_objects_of_one_name_are_refused(hsm_token: Pkcs11Token) -> None:
    one, other = await hsm_token.generate("ES256"), await hsm_token.generate("ES256")

    def duplicate(connection: Connection) -> None:
        connection.private_keys.clear()
        _private(connection, other.kid)[Attribute.ID] = base64url.decode(one.kid)

    await hsm_token.run(duplicate, again=False)
    with pytest.raises(UnsafeKey, match="several keys"):
        await one.sign(b"data")


async def test_a_key_that_may_leave_is_refused(hsm_token: Pkcs11Token) -> None:
    signer = await _extractable(hsm_token)
    with pytest.raises(UnsafeKey, match="SENSITIVE, EXTRACTABLE"):
        await signer.sign(b"data")


async def _extractable(token: Pkcs11Token) -> Pkcs11Signer:
    """A good key, and one that may leave under the name of the good one."""
    signer = await token.generate("EdDSA")

    def replace(connection: Connection) -> None:
        connection.private_keys.clear()
        _private(connection, signer.kid).destroy()
        curve = {Attribute.EC_PARAMS: bytes.fromhex("06032b6570")}
        domain = connection.session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True)
        domain.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            id=base64url.decode(signer.kid),
            private_template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
        )

    await token.run(replace, again=False)
    return signer


async def test_a_pair_that_is_not_as_wanted_is_destroyed(
    hsm_token: Pkcs11Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await hsm_token.run(_objects)
    monkeypatch.setattr(
        pkcs11_keys,
        "_PRIVATE",
        {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True, Attribute.SIGN: True},
    )
    with pytest.raises(UnsafeKey):
        await hsm_token.generate("ES256")
    assert await hsm_token.run(_objects) == before


async def test_the_token_says_what_it_is(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    described = await hsm_token.describe()
    assert (described.label, described.manufacturer) == ("motcua", "SoftHSM project")
    assert set(ALGORITHMS) <= set(described.algorithms)
    assert described.library == str(softhsm.library.resolve())
    assert described.serial


async def test_an_algorithm_that_the_token_lacks_is_refused(hsm_token: Pkcs11Token) -> None:
    with pytest.raises(AlgorithmUnsupported, match="does not sign with ML-DSA-65"):
        await hsm_token.generate("ML-DSA-65")


async def test_tokens_in_other_slots_have_keys_of_their_own(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    second = softhsm.open("second")
    mine, theirs = await hsm_token.generate("ES256"), await second.generate("ES256")
    for _ in range(3):  # both at once, through the one thread
        for signature, signer in zip(
            await asyncio.gather(mine.sign(b"data"), theirs.sign(b"data")), (mine, theirs), strict=True
        ):
            verify_signature("ES256", read_jwk(signer.public_jwk()).public_key, signature, b"data")
    with pytest.raises(NoSuchKey):
        await second.find(mine.kid, "ES256")
    await second.close()


async def test_64_signatures_at_once_are_all_good(hsm_token: Pkcs11Token) -> None:
    signer = await hsm_token.generate("ES256")
    data = [os.urandom(64) for _ in range(64)]
    signatures = await asyncio.gather(*map(signer.sign, data))
    key = read_jwk(signer.public_jwk()).public_key
    for signature, one in zip(signatures, data, strict=True):
        verify_signature("ES256", key, signature, one)
    assert len(set(signatures)) == 64


async def test_a_signature_nobody_waits_for_does_no_harm(hsm_token: Pkcs11Token) -> None:
    signer = await hsm_token.generate("RS256")
    waiting = [asyncio.create_task(signer.sign(b"data")) for _ in range(8)]
    await asyncio.sleep(0)
    for task in waiting[::2]:
        task.cancel()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in done[1::2]} == {bytes}
    assert isinstance(await signer.sign(b"data"), bytes)


async def test_a_full_queue_refuses_at_once(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    signer = await hsm_token.generate("ES256")
    results = await asyncio.gather(*[signer.sign(b"data") for _ in range(3000)], return_exceptions=True)
    refused = [one for one in results if isinstance(one, TokenUnavailable)]
    assert len(refused) + sum(isinstance(one, bytes) for one in results) == 3000
    assert {str(one) for one in refused} <= {
        f"The PKCS #11 module {softhsm.library.resolve()} does not keep up: its queue is full."
    }
    assert refused
    assert isinstance(await signer.sign(b"data"), bytes)
