"""Measure signatures in this process and print them as JSON; `bench/signing.py` starts it on a core of its own.

signing_alone.py SECONDS CORES [LIBRARY LABEL PIN_FILE]
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from keys.backends.pkcs11 import Pkcs11Token
from keys.backends.pkcs11_keys import SIGN
from keys.backends.pkcs11_session import Connection
from keys.backends.software import SoftwareSigner
from keys.jose import Signer

ALGORITHMS: Final = ("ES256", "RS256", "PS256")
AT_ONCE: Final = 16
DATA: Final = bytes(600)
"""As long as the signing input of an ID token."""


def _result(alg: str, place: str, took: list[float], seconds: float, cpu: float) -> dict[str, Any]:
    took.sort()
    return {
        "alg": alg,
        "place": place,
        "per_second": len(took) / seconds,
        "p50": took[len(took) // 2] * 1e6,
        "p99": took[len(took) * 99 // 100] * 1e6,
        "cpu": cpu / len(took) * 1e6,
    }


async def _sign_until(end: float, signer: Signer, took: list[float]) -> None:
    while (begun := time.perf_counter()) < end:
        await signer.sign(DATA)
        took.append(time.perf_counter() - begun)


async def _measure(place: str, signer: Signer, seconds: float, at_once: int) -> dict[str, Any]:
    await signer.sign(DATA)
    took: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*[_sign_until(begun + seconds, signer, took) for _ in range(at_once)])
    return _result(signer.alg, place, took, time.perf_counter() - begun, time.process_time() - cpu)


def _in_the_thread(alg: str, kid: str, seconds: float, connection: Connection) -> dict[str, Any]:
    """The token alone: neither queue nor event loop."""
    sign: Callable[[], bytes] = partial(SIGN[alg], connection.private_keys[kid], DATA)
    took: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    while (now := time.perf_counter()) < begun + seconds:
        sign()
        took.append(time.perf_counter() - now)
    return _result(alg, "SoftHSM, direct", took, now - begun, time.process_time() - cpu)


async def _measure_token(token: Pkcs11Token, alg: str, seconds: float) -> list[dict[str, Any]]:
    signer = await token.generate(alg)
    await signer.sign(DATA)
    measured = [await token.run(partial(_in_the_thread, alg, signer.kid, seconds))]
    measured += [
        await _measure(f"SoftHSM, queue, {at_once} at once", signer, seconds, at_once)
        for at_once in (1, AT_ONCE)
    ]
    return measured


async def main(seconds: float, token: Pkcs11Token | None) -> None:
    """Measure and print."""
    measured = []
    for alg in ALGORITHMS:
        measured.append(await _measure("memory", SoftwareSigner.generate(alg), seconds, 1))
        if token is not None:
            measured += await _measure_token(token, alg, seconds)
    print(json.dumps(measured))


def _token(library: str, label: str, pin_file: str) -> Pkcs11Token:
    return Pkcs11Token(Path(library), label, Path(pin_file))


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(core) for core in sys.argv[2].split(",")})
    uvloop.run(main(float(sys.argv[1]), _token(*sys.argv[3:]) if len(sys.argv) > 3 else None))
