"""Keys in memory that a hardware module certifies for a short time: in service, at their end, and forged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
import pytest

from idp.custody.custodian import rotate
from keys import policy
from keys.actions import Revoke, standard_rotation
from keys.backends.certified import certify, verify_certificate
from keys.backends.pkcs11 import Pkcs11Signer, Pkcs11Token
from keys.backends.software import SoftwareSigner
from keys.documents import canonical
from keys.history import InvalidHistory, replay
from keys.jose import SignerUnavailable
from keys.keyring import NoActiveKey
from keys.policy import Purpose, State
from tests.support.housed import Housed, housed_provider
from tests.support.installation import ISSUER, act
from tests.support.population import HOA
from tests.support.provider import NOW, Ground
from tests.support.softhsm import SoftHsm

DAY: Final = 24 * 3600
MADE: Final = NOW - DAY
ENDS: Final = MADE + policy.CERTIFICATE_LIFETIME
TURN: Final = policy.CERTIFIED_ACTIVE_LIFETIME
KIND: Final = ("id_token", "ES256")
KEYS: Final = {"id_token": ("ES256",), "access_token": ("ES256",), "encryption": ("ECDH-ES",)}

pytestmark = [pytest.mark.hsm]


@pytest.fixture
async def certifier(hsm_token: Pkcs11Token) -> Pkcs11Signer:
    """The key in the module that certifies."""
    return await hsm_token.generate("ES256")


@pytest.fixture
async def certified(
    provider_ground: Ground,
    softhsm: SoftHsm,
    hsm_token: Pkcs11Token,
    certifier: Pkcs11Signer,
    tmp_path: Path,
) -> AsyncIterator[Housed]:
    """A running provider whose keys in memory were made and certified yesterday."""
    rotation = replace(standard_rotation(MADE, "certified", certifier.public_jwk()), keys=KEYS)
    limits = {name: getattr(rotation, name) for name in rotation.__slots__}
    async with housed_provider(provider_ground, softhsm, hsm_token, tmp_path, MADE, **limits) as running:
        yield running


async def test_tokens_are_signed_in_memory_and_the_log_says_by_whose_leave(
    certified: Housed, certifier: Pkcs11Signer, softhsm: SoftHsm
) -> None:
    provider, portal = certified.provider, certified.provider.portal("dossiers")
    with softhsm.away():
        tokens = await provider.tokens("dossiers", HOA, scope="openid profile")
        await portal.verify(tokens.access_token, audience=ISSUER)
        assert (await portal.userinfo(tokens.access_token)).status_code == 200
        assert (await portal.introspect(tokens.access_token))["active"] is True
        assert (await portal.refresh(tokens.refresh_token)).status_code == 200
    entries = [orjson.loads(entry) for entry in (await certified.ground()).entries]
    made = {entry["kid"]: entry for entry in entries if entry["type"] == "generated"}
    for token, purpose in ((tokens.id_token, "id_token"), (tokens.access_token, "access_token")):
        entry = made[jwt.get_unverified_header(token)["kid"]]
        read = verify_certificate(entry["certificate"], certifier.public_jwk(), MADE)
        assert (read.kid, read.purpose, read.not_after) == (entry["kid"], purpose, ENDS)
        assert read.public_jwk == entry["jwk"]


async def test_a_key_signs_no_more_when_its_certificate_is_over(certified: Housed, softhsm: SoftHsm) -> None:
    provider = certified.provider
    machine = provider.portal("machine-es256")
    provider.clock.now = ENDS - 1
    assert (await machine.post("/token", grant_type="client_credentials")).status_code == 200
    await certified.signer(ENDS - 1)
    with pytest.raises(NoActiveKey):
        await certified.signer(ENDS)
    with softhsm.away(), pytest.raises(SignerUnavailable):
        await rotate(certified.at(ENDS))
    plan = await rotate(certified.at(ENDS))
    assert plan is not None, "where nothing can sign, there is nothing to wait for"
    fresh = plan.history.active(KIND)
    assert fresh is not None
    assert (fresh.activated_at, fresh.certified_until) == (ENDS, ENDS + policy.CERTIFICATE_LIFETIME)
    assert await certified.signer(ENDS) == fresh.kid
    (waiting,) = plan.history.waiting(KIND)
    assert waiting.published_at == ENDS


@pytest.mark.parametrize("late", [0, DAY, 5 * DAY], ids=["in time", "a day late", "five days late"])
async def test_rotation_that_comes_late_leaves_no_moment_without_a_key(certified: Housed, late: int) -> None:
    """Once late, then four times a day, over two months: what signs has always been fetched before."""
    now, signed = MADE + TURN + late, {await certified.signer(MADE + TURN + late - 1)}
    history = (await certified.ground()).history
    while now < MADE + 60 * DAY:
        plan = await rotate(certified.at(now))
        history = history if plan is None else plan.history
        active = history.active(KIND)
        assert active is not None
        assert active.certified_until is not None
        assert now < active.certified_until
        if active.kid not in signed:
            signed.add(active.kid)
            assert active.published_at is not None
            assert now >= active.published_at + policy.FETCHED_SECONDS
        now += 6 * 3600
    assert len(signed) >= 60 * DAY // (TURN + DAY)


async def test_a_successor_whose_certificate_is_over_hinders_no_revocation(certified: Housed) -> None:
    ground = await certified.ground()
    active = ground.history.active(KIND)
    assert active is not None
    plan = await act(
        certified.provider.db,
        certified.custodian.kek,
        ENDS,
        Revoke(active.kid, "Lost.", MADE),
        hardware=certified.custodian.hardware,
    )
    successor = plan.history.active(KIND)
    assert successor is not None
    assert successor.generated_at == ENDS
    assert plan.history.keys[active.kid].state is State.REVOKED


async def forged(certifier: Pkcs11Signer, entry: Mapping[str, Any], how: str) -> str:
    """A certificate that is not the one of this key by the approved module."""
    stranger, jwk = SoftwareSigner.generate("ES256"), entry["jwk"]
    until = MADE + policy.CERTIFICATE_LIFETIME
    match how:
        case "of a stranger":
            return await certify(stranger, jwk, Purpose.ID_TOKEN, MADE, until)
        case "for another key":
            return await certify(certifier, stranger.public_jwk(), Purpose.ID_TOKEN, MADE, until)
        case "for another purpose":
            return await certify(certifier, jwk, Purpose.ACCESS_TOKEN, MADE, until)
        case "over":
            return await certify(certifier, jwk, Purpose.ID_TOKEN, MADE - DAY, MADE)
        case "to come":
            return await certify(certifier, jwk, Purpose.ID_TOKEN, MADE + 1, until)
        case "changed":
            head, payload, signature = str(entry["certificate"]).split(".")
            return ".".join((head, payload, signature[::-1]))
        case _:
            return ""


@pytest.mark.parametrize(
    "how",
    ["of a stranger", "for another key", "for another purpose", "over", "to come", "changed", "empty"],
)
async def test_a_forged_certificate_is_refused_by_who_reads_the_log(
    certified: Housed, certifier: Pkcs11Signer, how: str
) -> None:
    entries = (await certified.ground()).entries
    place, entry = next(
        (place, entry)
        for place, entry in enumerate(map(orjson.loads, entries))
        if entry["type"] == "generated" and entry["purpose"] == "id_token"
    )
    before = replay(entries[:place])
    assert entry["kid"] in before.after(entries[place]).keys
    wrong = canonical({**entry, "certificate": await forged(certifier, entry, how)})
    with pytest.raises(InvalidHistory, match="certificate"):
        before.after(wrong)
    with pytest.raises(InvalidHistory):
        before.after(canonical({name: value for name, value in entry.items() if name != "certificate"}))
