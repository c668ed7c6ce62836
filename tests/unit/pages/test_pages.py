"""Every page, in every state and language: well-formed, safe, labelled, small."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from idp.errors import PageError
from idp.pages.errors import ERROR_PAGES
from idp.pages.forms import PROBLEM_TEXT, FieldProblem, Problem
from idp.pages.i18n import LOCALES, Locale, read_messages
from idp.pages.render import (
    FORM_POST_SCRIPT,
    FORM_POST_SCRIPT_SHA256,
    TEMPLATE_DIRECTORY,
    Pages,
    UntranslatedError,
    make_environment,
)
from idp.pages.views import Activate, ClientCard, ErrorPage, FormPost, Front, Login, LogoutConfirm, View
from tests.support.page_gallery import GALLERY

TOKEN = "t" * 43
VOID = {"meta", "link", "input", "img", "br", "path"}
EVERY = [(name, view, locale) for name, view in GALLERY for locale in LOCALES]
EVERY_ID = [f"{name}-{locale}" for name, _, locale in EVERY]
each_page = pytest.mark.parametrize(("name", "view", "locale"), EVERY, ids=EVERY_ID)


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages.load(help_line="1900 0000")


class Reader(HTMLParser):
    """Reads a page strictly: every element closed in order; keeps elements with their attributes and forms."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[list[tuple[str, dict[str, str]]]] = []
        self.open: list[str] = []
        self.title = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"attribute twice in {tag}"
        found = (tag, {name: value or "" for name, value in attrs})
        self.elements.append(found)
        if tag == "form":
            assert "form" not in self.open, "form in a form"
            self.forms.append([])
        if "form" in [*self.open, tag]:
            self.forms[-1].append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{tag} closed twice"
        assert self.open[-1] == tag, f"{tag} closed within {self.open[-1]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "title":
            self.title += data

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for found, attributes in self.elements if found == tag)


def _show(pages: Pages, view: View, locale: Locale = "vi") -> str:
    return pages.render(view, locale, csrf_token=TOKEN, switch_url="/x?lang=en").decode()


@each_page
def test_page_is_well_formed_and_strict(pages: Pages, name: str, view: View, locale: Locale) -> None:
    html = _show(pages, view, locale)
    page = Reader(html)
    assert html.startswith("<!doctype html>")
    assert next(page.all("html"))["lang"] == locale
    assert page.title.endswith(" – Một Cửa")
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(list(page.all("h1"))) == 1
    assert not any(key == "style" or key.startswith("on") for _, found in page.elements for key in found)
    assert not list(page.all("style"))
    scripts = list(page.all("script"))
    assert len(scripts) == (1 if isinstance(view, FormPost) else 0)
    assert all(link["href"].startswith("/static/") for link in page.all("link"))
    assert "%(" not in html


@each_page
def test_references_lead_somewhere(pages: Pages, name: str, view: View, locale: Locale) -> None:
    page = Reader(_show(pages, view, locale))
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    for _, attributes in page.elements:
        for key in ("for", "aria-describedby", "aria-labelledby"):
            assert set(attributes.get(key, "").split()) <= ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


@each_page
def test_forms_carry_the_token_and_fields_their_labels(
    pages: Pages, name: str, view: View, locale: Locale
) -> None:
    page = Reader(_show(pages, view, locale))
    labelled = {label["for"] for label in page.all("label")}
    for form in page.forms:
        assert form[0][1]["method"] == "post"
        tokens = [found["value"] for _, found in form if found.get("name") == "csrf_token"]
        assert tokens == ([] if isinstance(view, FormPost) else [TOKEN])
        for tag, attributes in form:
            if tag == "input" and attributes["type"] != "hidden":
                assert attributes["id"] in labelled


@each_page
def test_title_says_when_there_is_a_problem(pages: Pages, name: str, view: View, locale: Locale) -> None:
    page = Reader(_show(pages, view, locale))
    assert page.title.startswith({"vi": "Lỗi: ", "en": "Error: "}[locale]) == bool(view.problems)


@pytest.mark.parametrize("locale", LOCALES)
def test_login_is_within_the_size_of_a_slow_network(pages: Pages, locale: Locale) -> None:
    html = len(gzip.compress(_show(pages, dict(GALLERY)["login-logo"], locale).encode()))
    uncompressed = len(_show(pages, dict(GALLERY)["login-logo"], locale).encode())
    static = sum(len(file.gzip_body) for file in pages.static.values())
    assert uncompressed + static <= 20_000
    assert html + static <= 12_000


def test_all_templates_are_shown_by_the_gallery() -> None:
    used = {view.template for _, view in GALLERY}
    assert {path.name for path in TEMPLATE_DIRECTORY.iterdir()} == used | {
        "base.html",
        "for_client.html",
        "parts.html",
    }


def test_gallery_names_are_unique() -> None:
    assert len({name for name, _ in GALLERY}) == len(GALLERY)


def test_every_error_and_every_problem_is_in_the_gallery() -> None:
    assert {view.error for _, view in GALLERY if isinstance(view, ErrorPage)} == set(ERROR_PAGES)
    assert set(PROBLEM_TEXT) == set(Problem)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("problem", Problem)
def test_every_problem_is_said(pages: Pages, problem: Problem, locale: Locale) -> None:
    html = _show(pages, Activate(problems=(FieldProblem("code", problem, 12),)), locale)
    assert read_messages(locale)[PROBLEM_TEXT[problem]] % {"number": 12} in html


def test_a_stranger_cannot_write_mark_up(pages: Pages) -> None:
    evil = "<b onclick=x>\"'&"
    client = ClientCard(name=evil, agency=evil, policy_url="https://x/?a=1&b=2")
    form = FormPost(redirect_uri="https://x/cb?a=1&b=2", parameters=((evil, evil),))
    for view in (
        Login(action="/x", client=client, personal_number=evil),
        LogoutConfirm(client=client, person_name=evil, hidden=((evil, evil),)),
        form,
    ):
        assert not list(Reader(_show(pages, view)).all("b"))
    sent = next(found for found in Reader(_show(pages, form)).all("input") if found["name"] == evil)
    assert sent["value"] == evil  # as it is, not percent-encoded


def test_wrong_and_unknown_people_see_the_same(pages: Pages) -> None:
    html = _show(pages, dict(GALLERY)["login-wrong"])
    assert html.count("chưa đúng") == 1
    assert "aria-invalid" not in html


def test_a_text_outside_the_catalogue_is_refused() -> None:
    with pytest.raises(UntranslatedError):
        make_environment("vi").from_string('{{ "Not in the catalogue"|t }}').render()


def test_script_hash_is_that_of_the_script(pages: Pages) -> None:
    html = _show(pages, dict(GALLERY)["form-post"])
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script is not None
    assert script[1] == FORM_POST_SCRIPT
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"sha256-{digest}" == FORM_POST_SCRIPT_SHA256


def test_static_files_are_named_by_their_content(pages: Pages) -> None:
    assert {path.rsplit(".", 1)[1] for path in pages.static} == {"css", "svg"}
    for path, file in pages.static.items():
        assert hashlib.sha256(file.body).hexdigest()[:16] in path
        assert gzip.decompress(file.gzip_body) == file.body
        assert b"http" not in file.body.replace(b"http://www.w3.org/2000/svg", b"")


def test_switch_and_help_line_are_optional() -> None:
    html = Pages.load().render(Front(), "vi").decode()
    assert 'class="switch"' not in html
    assert "tel:" not in html


def test_error_page_shows_code_and_request(pages: Pages) -> None:
    error = PageError("redirect_uri_mismatch")
    html = _show(pages, ErrorPage(error=error.page, request_id="abc-123"), "en")
    assert '<code id="error-code">redirect_uri_mismatch</code>' in html
    assert '<code id="request-id">abc-123</code>' in html
