"""A portal checks the provider's key set against its key log, from the first key on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from examples.key_log.verify_keys import CannotCheck, verified_keys
from tests.support.provider import Provider


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "key-log.checkpoint"


async def test_every_published_key_is_in_the_log(provider: Provider, state: Path) -> None:
    loop, http = asyncio.get_running_loop(), provider.http()
    signer = provider.keyring.ground.note_signer
    assert signer is not None

    def fetch(url: str) -> bytes:
        answer = asyncio.run_coroutine_threadsafe(http.get(url), loop).result()
        if answer.status_code != 200:
            raise CannotCheck(url)
        return answer.content

    found = await asyncio.to_thread(
        verified_keys, provider.settings.issuer, signer.verifier_key, state, fetch=fetch, pauses=()
    )
    published = json.loads(provider.keyring.jwks().body)["keys"]
    assert published
    assert found.refused == []
    assert found.keys == published
