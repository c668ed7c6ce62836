"""Pages from views. Everything that can be done once is done at the start.

Each template is compiled once per language: a text of the catalogue is a constant for the template compiler, so that
what remains at run time is joining strings. Mark-up in a catalogue text is ours; whatever is filled in is escaped.
"""

import base64
import gzip
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateNotFound
from markupsafe import Markup

from idp.pages import detail_lines, i18n, qr
from idp.pages.detail_lines import DetailFact
from idp.pages.forms import problem_of
from idp.pages.i18n import LOCALES, Locale
from idp.pages.views import View
from idp.pages.wording import (
    BASIS_TEXT,
    CLAIM_TEXT,
    DONE_TEXT,
    HISTORY_TEXT,
    LEVEL_EXPLAINED,
    LEVEL_TEXT,
    LOGIN_REASON_TEXT,
    REQUESTS_DONE_TEXT,
    ROLE_TEXT,
    UNAVAILABLE_TEXT,
    VALUE_TEXT,
    YES_NO_TEXT,
)

TEMPLATE_DIRECTORY: Final = Path(__file__).parent / "templates"
STATIC_DIRECTORY: Final = Path(__file__).parent / "static"
STATIC_CACHE_CONTROL: Final = "public, max-age=31536000, immutable"
"""A static file's address contains the hash of its content, so it never changes."""

FORM_POST_SCRIPT: Final = "document.forms[0].submit()"
FORM_POST_SCRIPT_SHA256: Final = (
    "sha256-" + base64.b64encode(hashlib.sha256(FORM_POST_SCRIPT.encode()).digest()).decode()
)
"""Source expression for `script-src` (CSP Level 3 §2.3.1) of the form_post page, to be put in single quotes."""

_CONTENT_TYPES: Final[Mapping[str, str]] = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_INDENTATION: Final = re.compile(r"\s*\n\s*")


_WRITTEN: Final[Mapping[str, Callable[[str, Locale], str]]] = {
    "birthdate": i18n.format_calendar_date,
    "phone_number": i18n.format_phone_number,
}
"""Claims whose values people write otherwise than programs do."""


class UntranslatedError(Exception):
    """A template or a view used a text that the catalogue does not have."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file served under `/static/`, plain and compressed. `etag` is quoted, as in the header."""

    body: bytes
    gzip_body: bytes
    content_type: str
    etag: str


class _Loader(BaseLoader):
    """Templates of our folder, with line breaks and indentation folded into one line feed: fewer bytes to send."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        del environment
        path = TEMPLATE_DIRECTORY / template
        if not path.is_file():
            raise TemplateNotFound(template)
        return _INDENTATION.sub("\n", path.read_text("utf-8")).strip(), str(path), lambda: True

    def list_templates(self) -> list[str]:
        return sorted(path.name for path in TEMPLATE_DIRECTORY.glob("*.html"))


class Pages:
    """All pages, ready to be rendered. Made once by `Pages.load()`."""

    def __init__(
        self, templates: Mapping[tuple[Locale, str], Template], static: Mapping[str, StaticFile]
    ) -> None:
        self._templates = templates
        self.static = static

    @classmethod
    def load(cls, *, help_line: str = "") -> "Pages":
        """Compile every template in every language and read the static files, once in a process.

        `help_line` is the telephone number of the help desk, shown at the foot of each page if given. Raises
        `UntranslatedError` when a template holds a text that is not in the catalogue, `OSError` when a file is missing.
        """
        return _load(help_line)

    def render(self, view: View, locale: Locale, *, csrf_token: str = "", switch_url: str = "") -> bytes:
        """The page as UTF-8. `switch_url` is this page in the other language; without it no switch is offered."""
        template = self._templates[locale, view.template]
        return template.render(view=view, csrf_token=csrf_token, switch_url=switch_url).encode()


@cache  # compiling takes half a second, and what is loaded never changes
def _load(help_line: str) -> Pages:
    addresses, static = _load_static()
    templates = {}
    for locale in LOCALES:
        environment = make_environment(locale)
        environment.globals |= {"static": addresses, "help_line": help_line}
        for name in environment.list_templates():
            templates[locale, name] = environment.get_template(name)
    return Pages(MappingProxyType(templates), MappingProxyType(static))


def make_environment(locale: Locale) -> Environment:
    """The template environment of one language."""
    environment = Environment(
        loader=_Loader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    translate = _translator(i18n.read_messages(locale))
    other = next(candidate for candidate in LOCALES if candidate != locale)
    environment.filters |= {"t": translate, "for_field": problem_of, "iso": i18n.iso_instant, "qr": qr.draw}
    environment.filters["t_other"] = _translator(i18n.read_messages(other))
    environment.filters |= _localised_filters(locale, translate)
    environment.globals |= {
        "locale": locale,
        "other_locale": other,
        "texts": {
            "basis": BASIS_TEXT,
            "done": DONE_TEXT,
            "requests_done": REQUESTS_DONE_TEXT,
            "explained": LEVEL_EXPLAINED,
            "history": HISTORY_TEXT,
            "level": LEVEL_TEXT,
            "login_reason": LOGIN_REASON_TEXT,
            "role": ROLE_TEXT,
            "unavailable": UNAVAILABLE_TEXT,
        },
        "form_post_script": Markup(FORM_POST_SCRIPT),  # noqa: S704 - the constant above
    }
    return environment


def _translator(messages: Mapping[str, str]) -> Callable[[str], Markup]:
    """The filter `t`. Only a text of the catalogue becomes mark-up, so a stranger's text can never do so."""

    def translate(text: str) -> Markup:
        try:
            return Markup(messages[text])  # noqa: S704 - a text of our own catalogue
        except KeyError as missing:
            raise UntranslatedError(text) from missing

    return translate


def _localised_filters(locale: Locale, translate: Callable[[str], Markup]) -> dict[str, Callable[..., Any]]:
    def claim_name(claim: str) -> str:
        text = CLAIM_TEXT.get(claim)
        return translate(text) if text else claim

    def claim_value(value: str, claim: str) -> str:
        text = VALUE_TEXT.get((claim, value)) or YES_NO_TEXT.get(value)
        if text:
            return translate(text)
        written = _WRITTEN.get(claim)
        return written(value, locale) if written else value

    def claim_names(claims: Iterable[str]) -> str:
        return " · ".join(claim_name(claim) for claim in claims)

    return {
        **_detail_filters(locale, translate),
        "claim_name": claim_name,
        "claim_names": claim_names,
        "claim_value": claim_value,
        "date": lambda at: i18n.format_date(at, locale),
        "moment": lambda at: i18n.format_moment(at, locale),
        "time": lambda at: i18n.format_time(at, locale),
    }


def _detail_filters(locale: Locale, translate: Callable[[str], Markup]) -> dict[str, Callable[..., str]]:
    def fact_value(value: str, member: str, kind: str) -> str:
        text = detail_lines.MEMBER_VALUE_TEXT.get((kind, member, value))
        if text:
            return translate(text)
        return i18n.format_calendar_date(value, locale) if (kind, member) in detail_lines.DAYS else value

    def fact_values(fact: DetailFact, kind: str) -> str:
        absent = detail_lines.ABSENT_TEXT.get((kind, fact.member))
        if not fact.values:
            return translate(absent) if absent else ""
        return ", ".join(fact_value(value, fact.member, kind) for value in fact.values)

    return {
        "detail_name": lambda kind: translate(detail_lines.TYPE_TEXT[kind]),
        "fact_name": lambda fact, kind: translate(detail_lines.MEMBER_TEXT[kind, fact.member]),
        "fact_values": fact_values,
    }


def _load_static() -> tuple[dict[str, str], dict[str, StaticFile]]:
    """Addresses by file name, for the templates; files by address, for the endpoint."""
    addresses, files = {}, {}
    for path in sorted(STATIC_DIRECTORY.iterdir()):
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:16]
        address = f"/static/{path.stem}.{digest}{path.suffix}"
        addresses[path.name] = address
        files[address] = StaticFile(
            body=body,
            gzip_body=gzip.compress(body, compresslevel=9, mtime=0),
            content_type=_CONTENT_TYPES[path.suffix],
            etag=f'"{digest}"',
        )
    return addresses, files
