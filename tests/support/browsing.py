"""A browser without JavaScript that talks to the provider in this process: it keeps cookies and fills real forms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

ANDROID: Final = "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari/537.36"
_MOST_HOPS: Final = 10


@dataclass(slots=True)
class Form:
    """A form of a page: what it sends by itself, and what it lets one choose or press."""

    action: str
    values: list[tuple[str, str]] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    def takes(self, fields: Sequence[tuple[str, str]]) -> bool:
        """Whether a person could fill these fields in this way."""
        return all(pair in self.choices or pair[0] in self.typed for pair in fields)

    def filled(self, fields: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """What is sent when it is filled so."""
        names = {name for name, _ in fields}
        return [pair for pair in self.values if pair[0] not in names] + list(fields)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert attributes["method"] == "post"
            self._open = True
            self.forms.append(Form(attributes["action"]))
        elif self._open and tag in {"input", "button"} and "name" in attributes:
            self._read_field(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "form"

    def _read_field(self, tag: str, attributes: Mapping[str, str]) -> None:
        form, pair = self.forms[-1], (attributes["name"], attributes.get("value", ""))
        if tag == "button" or attributes.get("type") in {"radio", "checkbox"}:
            if "disabled" not in attributes:
                form.choices.append(pair)
            if "checked" in attributes:
                form.values.append(pair)
            return
        form.values.append(pair)
        if attributes.get("type") != "hidden":
            form.typed.append(attributes["name"])


def read_forms(page: str) -> tuple[Form, ...]:
    """The forms of a page."""
    reader = _FormReader()
    reader.feed(page)
    return tuple(reader.forms)


@dataclass(frozen=True, slots=True)
class Visit:
    """Where the browser stands: on a page of the provider, or back at a portal with its answer."""

    browser: Browser
    address: str
    response: httpx2.Response
    hops: int
    answer: Mapping[str, str] | None = None

    @property
    def status(self) -> int:
        """Status of the last answer of the provider."""
        return self.response.status_code

    @property
    def text(self) -> str:
        """The page."""
        return self.response.text

    @property
    def path(self) -> str:
        """Path of the page's address."""
        return urlsplit(self.address).path

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms of the page."""
        return read_forms(self.text)

    @property
    def error(self) -> str | None:
        """The error that the portal was given."""
        return self.given.get("error")

    @property
    def code(self) -> str:
        """The code that the portal was given."""
        return self.given["code"]

    @property
    def given(self) -> Mapping[str, str]:
        """The answer to the portal; fails on a page."""
        assert self.answer is not None, f"no answer yet: {self.status} {self.address}\n{self.text[:4000]}"
        return self.answer

    def told(self, element_id: str) -> str:
        """The text of an element of the page, such as `error-code` or `stop-reason`; empty when it is not there."""
        found = re.search(rf'id="{element_id}"[^>]*>([^<]*)<', self.text)
        return found[1] if found else ""

    @property
    def ticks(self) -> dict[str, list[str]]:
        """Everything that a page lets one tick: what a portal learns, and what it may do."""
        choices = [choice for form in self.forms for choice in form.choices]
        return {kind: [value for name, value in choices if name == kind] for kind in ("claim", "detail")}

    def offers(self, **fields: str | Sequence[str]) -> bool:
        """Whether the page has a form that takes these fields."""
        pairs = list(_pairs(fields))
        return self.answer is None and any(form.takes(pairs) for form in self.forms)

    async def submit(self, **fields: str | Sequence[str]) -> Visit:
        """Fill and send the first form that takes these fields; a list sends a field several times."""
        pairs = list(_pairs(fields))
        assert self.answer is None, f"already at the portal: {self.answer}"
        form = next((form for form in self.forms if form.takes(pairs)), None)
        assert form is not None, f"no form takes {pairs}: {self.forms}\n{self.text[:4000]}"
        return await self.browser.post(urljoin(self.address, form.action), form.filled(pairs))


def _pairs(fields: Mapping[str, str | Sequence[str]]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        yield from ((name, one) for one in ([value] if isinstance(value, str) else value))


class Browser:
    """One person's browser: a cookie jar, and the manners of a browser."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, issuer: str, *, agent: str = ANDROID) -> None:
        self.issuer = issuer
        self.http = httpx2.AsyncClient(
            transport=transport,
            base_url=issuer,
            headers={"user-agent": agent, "accept": "text/html", "accept-language": "vi"},
        )

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies by name."""
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar}

    def forget(self) -> None:
        """Delete all cookies."""
        self.http.cookies.clear()

    def set_cookie(self, name: str, value: str) -> None:
        """Plant a cookie, as somebody with a hand on this browser could."""
        host = urlsplit(self.issuer).hostname or ""
        for cookie in [cookie for cookie in self.http.cookies.jar if cookie.name == name]:
            self.http.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
        self.http.cookies.set(name, value, domain=host, path="/")

    async def open(self, address: str, **headers: str) -> Visit:
        """Go to an address and follow where the provider leads."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._follow(await self.http.get(address, headers=sent))

    async def post(self, address: str, fields: Sequence[tuple[str, str]]) -> Visit:
        """Send a form and follow. A form to a portal (`form_post`) is the portal's answer."""
        address = urljoin(f"{self.issuer}/", address)
        if not self._is_ours(address):
            nothing = httpx2.Response(200, request=httpx2.Request("POST", address))
            return Visit(self, address, nothing, 0, dict(fields))
        body: Any = {}
        for name, value in fields:
            body.setdefault(name, []).append(value)
        return await self._follow(await self.http.post(address, data=body))

    def _is_ours(self, address: str) -> bool:
        return address.startswith(f"{self.issuer}/") or address == self.issuer

    async def _follow(self, response: httpx2.Response) -> Visit:
        for hops in range(_MOST_HOPS):
            address = str(response.request.url)
            if response.status_code not in {302, 303}:
                return Visit(self, address, response, hops)
            target = urljoin(address, response.headers["location"])
            if not self._is_ours(target):
                parameters = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
                return Visit(self, target, response, hops, parameters)
            response = await self.http.get(target)
        raise AssertionError("the provider leads in circles")
