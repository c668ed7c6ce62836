"""Several processes sign with one token, each with a session of its own, forked ones too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from keys import base64url
from keys.backends.pkcs11 import Pkcs11Token
from keys.jwk import read_jwk
from keys.signatures import verify_signature
from tests.support.softhsm import SoftHsm

_ROOT = Path(__file__).resolve().parents[3]

_WORKER = """
import asyncio, json, sys
from pathlib import Path
from keys import base64url
from keys.backends.pkcs11 import Pkcs11Token

async def main(library, pin_file, jwk):
    signer = Pkcs11Token(Path(library), "motcua", Path(pin_file)).signer(json.loads(jwk))
    for signature in await asyncio.gather(*[signer.sign(b"data") for _ in range(50)]):
        print(base64url.encode_text(signature))

asyncio.run(main(*sys.argv[1:]))
"""

_FORKED = """
import asyncio, json, os, sys
from pathlib import Path
from keys import base64url
from keys.backends.pkcs11 import Pkcs11Token

async def sign(signer):
    for signature in await asyncio.gather(*[signer.sign(b"data") for _ in range(5)]):
        print(base64url.encode_text(signature), flush=True)

library, pin_file, jwk = sys.argv[1:]
signer = Pkcs11Token(Path(library), "motcua", Path(pin_file)).signer(json.loads(jwk))
asyncio.run(sign(signer))
child = os.fork()
if child == 0:
    asyncio.run(sign(signer))
    os._exit(0)
status = os.waitpid(child, 0)[1]
asyncio.run(sign(signer))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def _start(program: str, arguments: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _signatures(process: subprocess.Popen[str]) -> list[bytes]:
    output, errors = process.communicate(timeout=60)
    assert errors == ""
    assert process.returncode == 0
    return [base64url.decode(line) for line in output.split()]


async def test_processes_sign_at_the_same_time(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    signer = await hsm_token.generate("ES256")
    arguments = [str(softhsm.library), str(softhsm.pin_file), json.dumps(signer.public_jwk())]
    processes = [_start(_WORKER, arguments) for _ in range(3)]
    here = [await signer.sign(b"data") for _ in range(50)]
    signatures = here + [one for process in processes for one in _signatures(process)]
    assert len(set(signatures)) == 200
    for signature in signatures:
        verify_signature("ES256", read_jwk(signer.public_jwk()).public_key, signature, b"data")


async def test_a_forked_process_opens_a_session_of_its_own(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    signer = await hsm_token.generate("ES256")
    arguments = [str(softhsm.library), str(softhsm.pin_file), json.dumps(signer.public_jwk())]
    signatures = _signatures(_start(_FORKED, arguments))
    assert len(signatures) == 15
    for signature in signatures:
        verify_signature("ES256", read_jwk(signer.public_jwk()).public_key, signature, b"data")
