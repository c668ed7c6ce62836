"""What a citizen does in a browser: activate an account, sign in at a portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx2

from examples.launcher.folder import Citizen
from examples.launcher.forms import Form, read_forms
from examples.launcher.plan import DemoError

MOST_PAGES = 6
SIGNED_IN = 'id="subject"'
"""What a portal's page has for whoever is signed in, and for nobody else; a name it may not have asked for."""


@dataclass(slots=True)
class Visitor:
    """One browser with one citizen in front of it."""

    browser: httpx2.Client
    pages: int = 0

    def activate(self, issuer: str, citizen: Citizen, code: str) -> None:
        """Activates the citizen's account with an officer's code and chooses the password.

        Raises:
            DemoError: the provider did not accept it.
        """
        page = self._fill(
            self._open(f"{issuer}/activate"), "code", personal_number=citizen.personal_number, code=code
        )
        page = self._fill(page, "password_again", password=citizen.password, password_again=citizen.password)
        if page.is_error or _find_form(page, "password_again") or _find_form(page, "code"):
            raise DemoError(f"The account of {citizen.personal_number} could not be activated.")

    def sign_in(self, portal: str, citizen: Citizen) -> str:
        """Signs the citizen in at a portal, whatever the provider asks, and gives the portal's page.

        Raises:
            DemoError: the portal was not reached, or does not know the citizen.
        """
        self.pages = 0
        page = self._open(f"{portal}/login")
        while not str(page.url).startswith(portal):
            self.pages += 1
            if self.pages > MOST_PAGES or page.is_error:
                raise DemoError(f"Signing in at {portal} ended at {page.url.copy_with(query=None)}.")
            page = self._answer(page, citizen)
        if page.is_error or SIGNED_IN not in page.text:
            raise DemoError(f"Signing in at {portal} failed there with status {page.status_code}.")
        return page.text

    def _answer(self, page: httpx2.Response, citizen: Citizen) -> httpx2.Response:
        if _find_form(page, "password"):
            return self._fill(
                page, "password", personal_number=citizen.personal_number, password=citizen.password
            )
        if choice := _find_form(page, "acting_for"):
            offered = choice.choices["acting_for"]
            return self._fill(page, "acting_for", acting_for=offered[-1 if citizen.organisation else 0])
        if question := _find_form(page, "claim"):
            return self._fill(page, "claim", claim=question.choices["claim"], decision="allow")
        return self._fill(page, "decision", decision="continue")

    def _open(self, url: str) -> httpx2.Response:
        try:
            return self.browser.get(url)
        except httpx2.HTTPError as error:
            raise DemoError(f"{url} did not answer: {error}.") from error

    def _fill(self, page: httpx2.Response, field: str, **values: str | list[str]) -> httpx2.Response:
        form = _find_form(page, field)
        if form is None:
            raise DemoError(f"The page {page.url.copy_with(query=None)} has no field {field!r}.")
        body = urlencode(form.values | values, doseq=True)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": _origin(page.url)}
        try:
            return self.browser.post(page.url.join(form.action), content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise DemoError(f"{page.url.copy_with(query=None)} did not answer: {error}.") from error


@contextmanager
def open_visitor() -> Iterator[Visitor]:
    """A fresh browser: no cookies, no proxy."""
    with httpx2.Client(follow_redirects=True, timeout=30, trust_env=False) as browser:
        yield Visitor(browser)


def _find_form(page: httpx2.Response, field: str) -> Form | None:
    return next((form for form in read_forms(page.text) if field in form.names), None)


def _origin(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
