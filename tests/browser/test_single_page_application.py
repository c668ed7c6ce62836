"""A single-page application in a real browser: its scripts reach us, and those of other origins do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page

from tests.support.launched_demo import LaunchedDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PAGE: Final = b"<!doctype html><title>ok</title>"
ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n" + PAGE


def _client(origin: str) -> dict[str, Any]:
    return {
        "client_id": "trang-don",
        "client_name": "Ứng dụng một trang",
        "owner": "Cơ quan mẫu",
        "sector": "trang-don",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [f"{origin}/callback"],
        "scope": "openid profile",
        "legal_basis": "consent",
        "purpose": "Tra cứu hồ sơ",
    }


SCRIPT: Final = """
async issuer => {
    const spell = octets => btoa(String.fromCharCode(...new Uint8Array(octets)))
        .replace(/[+]/g, '-').replace(/[/]/g, '_').replace(/=/g, '')
    const random = () => spell(crypto.getRandomValues(new Uint8Array(32)))
    const nonces = []
    const answer = async (address, options) => {
        try {
            const got = await fetch(address, options)
            nonces.push(got.headers.get('dpop-nonce'))
            return [got.status, (await got.json()).error ?? '']
        } catch (failure) { return ['blocked', failure.name] }
    }
    const octets = text => new TextEncoder().encode(text)
    const part = value => spell(octets(JSON.stringify(value)))
    const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const key = await crypto.subtle.generateKey(ecdsa, false, ['sign'])
    const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey)
    const proof = async (htm, htu) => {
        const claims = { jti: random(), htm, htu, iat: Math.floor(Date.now() / 1000) }
        const start = part({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }) + '.' + part(claims)
        return start + '.' + spell(await crypto.subtle.sign(ecdsa, key.privateKey, octets(start)))
    }
    const proven = { headers: { dpop: await proof('POST', issuer + '/token') } }
    const form = fields => ({ method: 'POST', body: new URLSearchParams(fields) })
    return {
        discovery: await answer(issuer + '/.well-known/openid-configuration'),
        keys: await answer(issuer + '/jwks', { headers: { 'if-none-match': '"x"' } }),
        token: await answer(issuer + '/token', form(
            { client_id: 'trang-don', grant_type: 'refresh_token', refresh_token: random() })),
        proven: await answer(issuer + '/token', { ...proven, ...form(
            { client_id: 'trang-don', grant_type: 'refresh_token', refresh_token: random() }) }),
        nonces: nonces.filter(nonce => nonce).length,
        userinfo: await answer(issuer + '/userinfo', { headers: { authorization: 'Bearer ' + random() } }),
        withCookies: await answer(issuer + '/userinfo', { credentials: 'include' }),
        introspection: await answer(issuer + '/introspect', form({ client_id: 'trang-don', token: 'x' })),
    }
}
"""


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


@asynccontextmanager
async def _site() -> AsyncIterator[str]:
    """An origin with an empty page."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab."""
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


async def test_scripts_reach_what_is_for_them(demo: LaunchedDemo, page: Page, tmp_path: Path) -> None:
    blocked = ["blocked", "TypeError"]
    for_nobody = {"withCookies": blocked, "introspection": blocked}
    for_everybody = {"discovery": [200, ""], "keys": [200, ""]}
    async with _site() as application, _site() as stranger:
        file = tmp_path / "client.json"
        file.write_text(json.dumps(_client(application)), encoding="utf-8")
        demo.motcua("clients", "add", str(file))
        expected: dict[str, dict[str, Any]] = {
            application: {
                "token": [400, "invalid_grant"],
                "proven": [400, "invalid_grant"],
                "nonces": 1,  # to the proof, by a header that the script may read
                "userinfo": [401, "invalid_token"],
            },
            stranger: {"token": blocked, "proven": blocked, "nonces": 0, "userinfo": blocked},
        }
        for origin, told in expected.items():
            await page.goto(f"{origin}/")
            assert await page.evaluate(SCRIPT, demo.issuer) == {**told, **for_everybody, **for_nobody}
