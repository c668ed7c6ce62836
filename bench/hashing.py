"""The password hash alone, on one core: what a login cannot cost less than."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Final

from bench.processes import BenchError

# Runs in a process of its own, so that it has the core to itself as the provider's worker has.
_PROGRAM: Final = """
import os, sys, time
os.sched_setaffinity(0, {int(core) for core in sys.argv[2].split(",")})
from argon2 import PasswordHasher, Type
from idp.authentication.hashing import DIGEST_BYTES, LANES, MEMORY_KIB, PASSES, SALT_BYTES
argon2 = PasswordHasher(PASSES, MEMORY_KIB, LANES, DIGEST_BYTES, SALT_BYTES, type=Type.ID)
verifier = argon2.hash("password")
count, begun, end = 0, time.process_time(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    argon2.verify(verifier, "password")
    count += 1
print((time.process_time() - begun) / count * 1e6)
"""


def hash_cpu(seconds: float, cores: Iterable[int]) -> float:
    """CPU of one verified password in microseconds, with the parameters of our policy."""
    arguments = [sys.executable, "-c", _PROGRAM, str(seconds), ",".join(map(str, cores))]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"The hash could not be measured: {done.stderr[-500:]}")
    return float(done.stdout)
