"""Before the clock starts: every scenario works once, and what comes out is what was asked for, and verifies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jwt

from bench.client_keys import ClientKeys
from bench.load import Bench, play_once
from bench.processes import BenchError
from bench.scenarios import CLIENTS
from bench.target import Running

_ALGORITHMS = ("RS256", "ES256")


def check(bench: Bench, running: Running, scenarios: Iterable[str]) -> None:
    """Play each scenario once.

    Raises:
        BenchError: one does not work, a signature does not verify, a redirect names another issuer, or a token is not
            bound as it should be.
    """
    keys = jwt.PyJWKSet.from_dict(dict(running.get_json(running.path_of("jwks_uri"))))
    for scenario in scenarios:
        result = play_once(bench, running, scenario)
        if result["errors_all"]:
            raise BenchError(f"{scenario} fails at {running.target.name}: {result['error_samples'][:1]}")
        where = f"{scenario} of {running.target.name}"
        _verify_all(result["vars"], keys, where)
        if "code" in result["vars"]:
            _verify_login(result["vars"], running, running.target.clients[CLIENTS[scenario]].keys, where)


def _verify_login(
    variables: Mapping[str, Any], running: Running, keys: ClientKeys | None, where: str
) -> None:
    """Who answered (RFC 9207), and whose token it is: anybody's, or that of the key of the proofs (RFC 9449 §6)."""
    if variables["iss"] != running.discovery["issuer"]:
        raise BenchError(f"The redirect in {where} names the issuer {variables['iss'] or 'not at all'}.")
    wanted = "Bearer" if keys is None else "DPoP"
    if variables["token_type"] != wanted:
        raise BenchError(f"The token in {where} is a {variables['token_type']} token, not a {wanted} token.")
    token = variables["access_token"]
    if keys is None or token.count(".") != 2:
        return
    bound = jwt.decode(token, options={"verify_signature": False}).get("cnf")
    if bound != {"jkt": keys.proof.thumbprint}:
        raise BenchError(f"The access token in {where} is bound to {bound}, not to the key of the proofs.")


def _verify_all(variables: Mapping[str, Any], keys: jwt.PyJWKSet, where: str) -> None:
    for name in ("id_token", "access_token"):
        token = variables.get(name, "")
        if token.count(".") != 2:  # opaque, or not there
            continue
        try:
            key = keys[jwt.get_unverified_header(token)["kid"]]
            jwt.decode(token, key, algorithms=_ALGORITHMS, options={"verify_aud": False})
        except (jwt.InvalidTokenError, KeyError) as error:
            raise BenchError(f"The {name} in {where} does not verify: {error}.") from error
