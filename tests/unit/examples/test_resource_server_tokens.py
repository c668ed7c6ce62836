"""Access tokens at an API (RFC 9068 §4, RFC 6750 §3, RFC 9470 §3): every way in which one does not do is a row."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest

from examples.resource_server import Needs
from examples.resource_server.access import LEEWAY_SECONDS
from tests.support.dpop import DpopKey
from tests.unit.examples.guarded import (
    API,
    ISSUER,
    NOW,
    PUBLIC,
    SUBJECT,
    TWO,
    Scene,
    blamed,
    claims,
)

MANDATE = {"type": "vn_mandate", "actions": ["view", "sign"], "locations": [API]}


async def test_a_good_token_is_let_in() -> None:
    response = await Scene().ask_well()
    assert (response.status_code, response.json()) == (200, {"subject": SUBJECT})


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [API, "https://other.example"]},
        {"exp": NOW + 0.5},
        {"exp": NOW - LEEWAY_SECONDS + 1},
        {"iat": NOW + LEEWAY_SECONDS},
        {"nbf": NOW},
        {"something": {"else": 1}},
    ],
)
async def test_what_is_no_reason_to_refuse(changes: dict[str, Any]) -> None:
    assert (await Scene().ask_well(**changes)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": f"{ISSUER}/"},
        {"aud": ISSUER},
        {"aud": f"{API}/"},
        {"aud": f"{API}.evil.example"},
        {"aud": []},
        {"aud": [[API]]},
        {"aud": {API: 1}},
        {"exp": NOW - LEEWAY_SECONDS},
        {"exp": "2099-01-01"},
        {"exp": True},
        {"exp": float("inf")},
        {"iat": NOW + LEEWAY_SECONDS + 1},
        {"iat": "now"},
        {"nbf": NOW + LEEWAY_SECONDS + 1},
        {"nbf": "soon"},
        {"sub": ""},
        {"sub": 7},
        {"jti": ["j"]},
        {"client_id": {"is": "portal"}},
        {"scope": ["openid"]},
        *({name: None} for name in ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")),
    ],
    ids=str,
)
async def test_claims_that_do_not_do(changes: dict[str, Any]) -> None:
    for scene in (Scene(), Scene.taking_anyone()):
        token = scene.issuer.sign(claims(**{"cnf": {"jkt": scene.key.jkt}, **changes}))
        assert blamed(await scene.ask_with(token, scene.proof(token))) == (401, "DPoP", "invalid_token")
    assert blamed(await scene.ask_as_bearer(**changes)) == (401, "Bearer", "invalid_token")


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": ["at+jwt"]},
        {"kid": None},
        {"kid": "unknown"},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
    ],
    ids=str,
)
async def test_headers_that_do_not_do(header: dict[str, Any]) -> None:
    scene = Scene.taking_anyone()
    token = scene.issuer.sign(claims(), **header)
    assert blamed(await scene.ask(("authorization", f"Bearer {token}"))) == (401, "Bearer", "invalid_token")


def _written(header: object, payload: object = None, signature: str = "") -> str:
    parts = (json.dumps(header), json.dumps(payload or claims()))
    return ".".join(
        [*(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts), signature]
    )


@pytest.mark.parametrize(
    "token",
    [
        _written({"alg": "none", "typ": "at+jwt", "kid": "one"}),
        _written({"alg": "None", "typ": "at+jwt", "kid": "one"}, signature="x"),
        _written({"alg": ["ES256"], "typ": "at+jwt", "kid": "one"}, signature="x"),
        _written({"alg": "ES256", "typ": "at+jwt", "kid": ["one"]}, signature="x"),
        _written([], signature="x"),
        _written("x", signature="x"),
        "a.b.c",
        "a.b.c.d.e",
        "x" * 20_000,
        "é.ñ.ü",
        f"{base64.urlsafe_b64encode(b'[' * 6000).decode()}.e30.x",
        f"{base64.urlsafe_b64encode(b'{' + b'x' * 9).decode()}.e30.x",
    ],
    ids=range(12),
)
async def test_what_is_no_token(token: str) -> None:
    scene = Scene.taking_anyone()
    response = await scene.ask(("authorization", f"Bearer {token}"))
    assert blamed(response) == (401, "Bearer", "invalid_token")


async def test_forged_signatures() -> None:
    scene = Scene.taking_anyone()
    public = base64.urlsafe_b64decode(scene.issuer.key.jwk["x"] + "=")
    forged = [
        replace(scene.issuer, key=DpopKey.fresh(), published=[]).sign(claims()),
        jwt.encode(claims(), public, "HS256", headers={"typ": "at+jwt", "kid": "one"}),
        scene.issuer.sign(claims(), jwk=DpopKey.fresh().jwk)[:-4] + "AAAA",
        scene.issuer.sign(claims()).rpartition(".")[0] + ".",
    ]
    for token in forged:
        response = await scene.ask(("authorization", f"Bearer {token}"))
        assert blamed(response) == (401, "Bearer", "invalid_token")


async def test_an_algorithm_that_this_api_does_not_take() -> None:
    scene = Scene(api=replace(PUBLIC, algorithms=("PS256",), accept_unbound_tokens=True))
    assert blamed(await scene.ask_as_bearer()) == (401, "Bearer", "invalid_token")


# How the token comes


@pytest.mark.parametrize(
    "header", [None, "Basic eDp5", "Bearer", "Bearer ", "DPoP", "Digest x", "", "bearerx y"]
)
async def test_rfc6750_3_1_without_a_token_no_error_is_named(header: str | None) -> None:
    response = await Scene().ask(*([] if header is None else [("authorization", header)]))
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == ['DPoP algs="ES256 PS256 EdDSA"']
    assert (response.json(), response.headers["cache-control"]) == ({}, "no-store")


async def test_rfc9449_7_2_every_scheme_that_is_taken_is_offered() -> None:
    response = await Scene.taking_anyone().ask()
    assert response.headers.get_list("www-authenticate") == ['DPoP algs="ES256 PS256 EdDSA"', "Bearer"]
    token = Scene.taking_anyone().token()
    refused = await Scene.taking_anyone().ask(("authorization", f"Bearer {token}"))
    assert [one.partition(" ")[0] for one in refused.headers.get_list("www-authenticate")] == [
        "DPoP",
        "Bearer",
    ]


async def test_a_token_in_the_address_or_twice_is_a_contradiction() -> None:
    scene = Scene.taking_anyone()
    header = ("authorization", f"Bearer {scene.issuer.sign(claims())}")
    assert (await scene.ask(header)).status_code == 200
    in_address = f"/dossiers/1?access_token={header[1].split()[1]}"
    for response in (
        await scene.ask(path=in_address),
        await scene.ask(header, path=in_address),
        await scene.ask(header, header),
    ):
        assert blamed(response)[::2] == (400, "invalid_request")


# What it is bound to


async def test_fapi_2_a_token_that_is_bound_to_nothing_is_refused() -> None:
    assert blamed(await Scene().ask_as_bearer()) == (401, "DPoP", "invalid_token")
    scene = Scene()
    token = scene.issuer.sign(claims())
    assert blamed(await scene.ask_with(token, scene.proof(token))) == (401, "DPoP", "invalid_token")
    assert (await Scene.taking_anyone().ask_as_bearer()).status_code == 200


@pytest.mark.parametrize(
    "cnf", [[], "jkt", {"kid": "x"}, {"jwk": {}}, {"jkt": 7}, {"jkt": ""}, {"x5t#S256": ["x"]}], ids=str
)
async def test_a_binding_that_is_not_understood_is_not_passed_over(cnf: object) -> None:
    assert blamed(await Scene.taking_anyone().ask_as_bearer(cnf=cnf)) == (401, "Bearer", "invalid_token")


async def test_rfc9449_7_2_no_downgrade() -> None:
    """A token bound to a key never comes as a Bearer token, with a proof or without; and no other token by DPoP."""
    scene = Scene.taking_anyone()
    token = scene.token()
    for headers in ([], [("dpop", scene.proof(token))]):
        response = await scene.ask(("authorization", f"Bearer {token}"), *headers)
        assert blamed(response) == (401, "Bearer", "invalid_token")
    unbound = scene.issuer.sign(claims())
    assert blamed(await scene.ask_with(unbound, scene.proof(unbound))) == (401, "DPoP", "invalid_token")


# What a route asks for


@pytest.mark.parametrize(
    ("needs", "changes", "error"),
    [
        (Needs(scope="dossiers"), {}, ""),
        (Needs(scope="dossiers openid"), {}, ""),
        (Needs(scope="dossiers"), {"scope": "openid dossiers:read"}, "insufficient_scope"),
        (Needs(scope="dossiers payments"), {}, "insufficient_scope"),
        (Needs(scope="dossiers"), {"scope": None}, "insufficient_scope"),
        (Needs(), {"acr": None, "auth_time": None}, "insufficient_user_authentication"),
        (Needs(level=0), {"acr": None, "auth_time": None}, ""),
        (Needs(level=0, max_age=60), {"acr": None, "auth_time": None}, "insufficient_user_authentication"),
        (Needs(level=2), {"acr": TWO}, ""),
        (Needs(level=2), {"acr": f"{ISSUER}/acr/4"}, ""),
        (Needs(level=2), {}, "insufficient_user_authentication"),
        (Needs(level=2), {"acr": "https://other.example/acr/2"}, "insufficient_user_authentication"),
        (Needs(level=2), {"acr": [TWO]}, "insufficient_user_authentication"),
        (Needs(level=2), {"acr": f"{TWO}/"}, "insufficient_user_authentication"),
        (Needs(max_age=60), {}, ""),
        (Needs(max_age=60), {"auth_time": NOW - 71}, "insufficient_user_authentication"),
        (Needs(max_age=0), {"auth_time": NOW}, ""),
        (Needs(max_age=0), {}, "insufficient_user_authentication"),
        (Needs(max_age=60), {"auth_time": None}, "insufficient_user_authentication"),
        (Needs(max_age=60), {"auth_time": str(NOW)}, "insufficient_user_authentication"),
        (Needs(max_age=60), {"auth_time": True}, "insufficient_user_authentication"),
        (Needs(details="vn_mandate"), {"authorization_details": [MANDATE]}, ""),
        (Needs(details="vn_mandate", action="sign"), {"authorization_details": [{"type": "x"}, MANDATE]}, ""),
        (
            Needs(details="vn_mandate", action="pay"),
            {"authorization_details": [MANDATE]},
            "insufficient_scope",
        ),
        (Needs(details="vn_mandate"), {}, "insufficient_scope"),
        (Needs(details="vn_mandate"), {"authorization_details": MANDATE}, "insufficient_scope"),
        (Needs(details="vn_mandate"), {"authorization_details": ["vn_mandate"]}, "insufficient_scope"),
        (
            Needs(details="vn_mandate", action="sign"),
            {"authorization_details": [MANDATE | {"actions": "signature"}]},
            "insufficient_scope",
        ),
        (
            Needs(details="vn_mandate", action="sign"),
            {"authorization_details": [MANDATE | {"locations": ["https://other.example"]}]},
            "insufficient_scope",
        ),
        (Needs(details="vn_mandate"), {"authorization_details": [MANDATE | {"until": "2030-03-18"}]}, ""),
        *(
            (Needs(details="vn_mandate"), {"authorization_details": [limited]}, "insufficient_scope")
            for limited in (
                MANDATE | {"until": "2030-03-17"},
                MANDATE | {"until": "no day"},
                MANDATE | {"until": 20300318},
                MANDATE | {"locations": API},
                MANDATE | {"locations": []},
                MANDATE | {"procedures": ["1.001234"]},
            )
        ),
        (
            Needs(details="vn_mandate", procedure="1.001234"),
            {"authorization_details": [MANDATE | {"procedures": ["1.001234"]}]},
            "",
        ),
        (Needs(details="vn_mandate", procedure="1.001234"), {"authorization_details": [MANDATE]}, ""),
        (
            Needs(details="vn_mandate", procedure="1.001234"),
            {"authorization_details": [MANDATE | {"procedures": ["1.001235"]}]},
            "insufficient_scope",
        ),
    ],
    ids=str,
)
async def test_needs(needs: Needs, changes: dict[str, Any], error: str) -> None:
    response = await Scene.taking_anyone(needs=needs).ask_as_bearer(**changes)
    status = {"": 200, "insufficient_scope": 403, "insufficient_user_authentication": 401}[error]
    assert blamed(response) == (status, "Bearer" if error else "", error)


async def test_rfc9470_3_the_challenge_says_what_would_do() -> None:
    response = await Scene(needs=Needs(level=2, max_age=900)).ask_well()
    assert response.headers["www-authenticate"] == (
        'DPoP error="insufficient_user_authentication", error_description="a stronger authentication is needed", '
        f'acr_values="{TWO}", max_age="900", algs="ES256 PS256 EdDSA"'
    )
    assert response.json()["max_age"] == "900"


async def test_rfc6750_3_1_the_scope_that_is_missing_is_named() -> None:
    response = await Scene(needs=Needs(scope="dossiers payments")).ask_well()
    assert 'scope="dossiers payments"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "wrong", [{"level": 5}, {"level": -1}, {"action": "sign"}, {"procedure": "1.001234"}]
)
def test_needs_that_mean_nothing_are_noticed_when_the_application_is_built(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="level is 0 to 4"):
        Needs(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": ""},
        {"issuer": "http://sso.example.vn"},
        {"audience": ""},
        {"address": ""},
        {"address": "api.example.vn"},
        {"address": "http://api.example.vn"},
        {"algorithms": ()},
        {"algorithms": ("ES256", "HS256")},
        {"algorithms": ("none",)},
    ],
)
def test_an_api_that_is_not_described_cannot_be_guarded(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"an API has|not an http address|are https"):
        replace(PUBLIC, **wrong)
