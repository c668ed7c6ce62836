"""The OpenID Foundation's plans for FAPI 2.0: what is refused at the token endpoint and with a token.

Each test is named after its module, without what all of them begin with.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

from tests.support.dpop import DpopKey
from tests.support.fapi_suite import FapiSuite, check_refused
from tests.support.portals import Asked

_UNBOUND = ("invalid_request", "invalid_grant", "invalid_dpop_proof")


def redemption(asked: Asked, code: str, **changes: str) -> dict[str, str]:
    """The token request for a code, without who sends it."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.parameters["redirect_uri"],
        "code_verifier": asked.verifier,
        **changes,
    }


async def test_ensure_client_id_in_token_endpoint(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    form = redemption(asked, code, client_id=fapi.second.client_id)
    response = await fapi.first.direct("/token", form)
    check_refused(response, "invalid_client", "invalid_grant", unauthorized=True)


async def test_ensure_holder_of_key_required(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    response = await fapi.first.direct("/token", redemption(asked, code), proof=False)
    check_refused(response, *_UNBOUND, "invalid_client", unauthorized=True)
    assert (await fapi.first.redeem(asked, code)).status_code == 200, "nothing was used up"


async def test_ensure_authorization_code_is_bound_to_client(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    check_refused(await fapi.second.redeem(asked, code), "invalid_grant")


async def test_attempt_reuse_authorization_code_after_one_second(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    given = (await fapi.first.redeem(asked, code)).json()
    fapi.provider.clock.advance(1)
    check_refused(await fapi.first.redeem(asked, code), "invalid_grant")
    assert (await fapi.first.told(given["access_token"])).status_code == 401
    check_refused(await fapi.first.refresh(given["refresh_token"]), "invalid_grant")


async def test_ensure_token_endpoint_fails_with_expired_auth_code(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    fapi.provider.clock.advance(62)
    check_refused(await fapi.first.redeem(asked, code), "invalid_grant")


async def test_ensure_pkce_code_verifier_required(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    form = redemption(asked, code)
    del form["code_verifier"]
    check_refused(await fapi.first.post("/token", **form), "invalid_grant")


async def test_incorrect_pkce_code_verifier_rejected(fapi: FapiSuite) -> None:
    asked, code = await fapi.code(fapi.first)
    check_refused(
        await fapi.first.redeem(asked, code, code_verifier=secrets.token_urlsafe(48)), "invalid_grant"
    )


async def test_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(keyed: FapiSuite) -> None:
    asked, code = await keyed.code(keyed.first)  # pushed with a proof by its own key
    other = keyed.first.with_key(DpopKey.fresh())
    check_refused(await other.redeem(asked, code), *_UNBOUND)


async def test_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(keyed: FapiSuite) -> None:
    asked, code = await keyed.code(keyed.first, dpop_jkt=keyed.first.holder.key.jkt)
    other = keyed.first.with_key(DpopKey.fresh())
    check_refused(await other.redeem(asked, code), *_UNBOUND)


async def _told_status(keyed: FapiSuite, token: str, **changes: Any) -> int:
    """UserInfo with a proof whose claims are changed, and with the nonce that is known."""
    holder = keyed.first.holder
    proof = holder.key.proof(
        "GET",
        f"{holder.issuer}/userinfo",
        keyed.first.clock(),
        nonce=holder.nonce,
        access_token=token,
        **changes,
    )
    headers = {"authorization": f"DPoP {token}", "dpop": proof}
    response = await keyed.first.http.get("/userinfo", headers=headers)
    holder.nonce = response.headers.get("dpop-nonce", holder.nonce)
    return response.status_code


async def test_check_dpop_proof_nbf_exp(keyed: FapiSuite) -> None:
    token, now = (await keyed.flow(keyed.first)).access_token, int(keyed.first.clock())
    assert await _told_status(keyed, token, nbf=now, exp=now + 60) == 200


async def test_ensure_dpopproof_with_iat_10seconds_before_succeeds(keyed: FapiSuite) -> None:
    token = (await keyed.flow(keyed.first)).access_token
    assert await _told_status(keyed, token, iat=int(keyed.first.clock()) - 10) == 200


async def test_ensure_dpopproof_with_iat_10seconds_after_succeeds(keyed: FapiSuite) -> None:
    token = (await keyed.flow(keyed.first)).access_token
    assert await _told_status(keyed, token, iat=int(keyed.first.clock()) + 10) == 200


async def test_dpop_negative_tests(keyed: FapiSuite) -> None:
    """Headers, keys, algorithms and addresses have tables of their own in `test_rfc9449_proof`."""
    token, now = (await keyed.flow(keyed.first)).access_token, int(keyed.first.clock())
    other = base64.urlsafe_b64encode(hashlib.sha256(b"other").digest()).rstrip(b"=").decode()
    tried: list[dict[str, Any]] = [
        *({name: None} for name in ("jti", "htm", "htu", "iat", "ath")),
        {"htm": "POST"},
        {"htu": "https://other.example/userinfo"},
        {"iat": now - 3600},
        {"iat": now + 3600},
        {"ath": other},
    ]
    for changes in tried:
        assert await _told_status(keyed, token, **changes) == 401, changes
    assert await _told_status(keyed, token, jti="once", extra="x") == 200
    assert await _told_status(keyed, token, jti="once") == 401, "seen before"
    assert (await keyed.first.userinfo_once(token, "Bearer")).status_code == 401
    assert (await keyed.first.with_key(DpopKey.fresh()).userinfo(token)).status_code == 401
    alone = await keyed.first.http.get("/userinfo", headers={"authorization": f"DPoP {token}"})
    assert alone.status_code == 401
    in_query = await keyed.first.http.get("/userinfo", params={"access_token": token})
    assert in_query.status_code in {400, 401}
