"""Before the clock starts: every scenario works once, and the tokens that come out verify."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jwt

from bench.load import Bench, play_once
from bench.processes import BenchError
from bench.target import Running

_ALGORITHMS = ("RS256", "ES256")


def check(bench: Bench, running: Running, scenarios: Iterable[str]) -> None:
    """Play each scenario once.

    Raises:
        BenchError: one does not work, or a signature does not verify.
    """
    keys = jwt.PyJWKSet.from_dict(dict(running.get_json(running.path_of("jwks_uri"))))
    for scenario in scenarios:
        result = play_once(bench, running, scenario)
        if result["errors_all"]:
            raise BenchError(f"{scenario} fails at {running.target.name}: {result['error_samples'][:1]}")
        _verify_all(result["vars"], keys, f"{scenario} of {running.target.name}")


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
