"""Every text that a person reads is in the catalogue, in good Vietnamese script, with nothing lost on the way."""

from __future__ import annotations

import re
import unicodedata

import pytest
from babel.messages import Catalog
from jinja2 import Environment, nodes

from idp.pages.catalogue import MO_PATH, compiled, extract, read_translations
from idp.pages.i18n import LOCALES, read_messages
from idp.pages.render import TEMPLATE_DIRECTORY

_MARKUP = re.compile(r"%\(\w+\)s|</?\w+|\{\w*\}")
_CLASS_BLOCK = re.compile(r"{% block width %}.*?{% endblock %}")  # a style class, not a text
_TAG = re.compile(r"<!?[^>]*>|&\w+;", re.DOTALL)
_SAID_BY_ATTRIBUTE = re.compile(r"\b(?:alt|aria-label|title|placeholder)=\"([^\"]*[^\W\d_][^\"]*)\"")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
BRAND = "Một Cửa"


@pytest.fixture(scope="module")
def vietnamese() -> dict[str, str]:
    """Text to translation, as the catalogue's editors wrote it."""
    catalogue: Catalog = read_translations()
    return {str(message.id): str(message.string) for message in catalogue if message.id}


def literal_texts(source: str) -> list[str]:
    """What a template says without asking the catalogue."""
    data = Environment(autoescape=True).parse(_CLASS_BLOCK.sub("", source)).find_all(nodes.TemplateData)
    whole = "\x00".join(node.data for node in data)
    without_scripts = re.sub(r"<style.*?</style>", "", whole, flags=re.DOTALL)
    attributes = _SAID_BY_ATTRIBUTE.findall(without_scripts)
    visible = _TAG.sub(" ", without_scripts).replace(BRAND, "")
    return [*attributes, *_LETTERS.findall(visible)]


def test_the_catalogue_holds_exactly_what_the_sources_say(vietnamese: dict[str, str]) -> None:
    assert vietnamese.keys() == extract().keys()


def test_everything_is_translated(vietnamese: dict[str, str]) -> None:
    assert [text for text, translation in vietnamese.items() if not translation.strip()] == []


def test_the_compiled_catalogue_is_the_edited_one(vietnamese: dict[str, str]) -> None:
    assert MO_PATH.read_bytes() == compiled(read_translations())
    assert read_messages("vi") == vietnamese


def test_every_language_says_everything() -> None:
    first, *others = (read_messages(locale).keys() for locale in LOCALES)
    assert all(first == other for other in others)


def test_placeholders_and_markup_survive_translation(vietnamese: dict[str, str]) -> None:
    changed = {
        text: translation
        for text, translation in vietnamese.items()
        if sorted(_MARKUP.findall(text)) != sorted(_MARKUP.findall(translation))
    }
    assert changed == {}


def test_vietnamese_is_composed(vietnamese: dict[str, str]) -> None:
    """Unicode NFC: a letter with its diacritics is one code point, as the fonts and the registers have it."""
    assert [text for text in vietnamese.values() if not unicodedata.is_normalized("NFC", text)] == []


@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATE_DIRECTORY.glob("*.html")))
def test_a_template_says_nothing_past_the_catalogue(name: str) -> None:
    assert literal_texts((TEMPLATE_DIRECTORY / name).read_text("utf-8")) == []


@pytest.mark.parametrize("source", ["<p>Hello</p>", '<img alt="A gate">', "<p>{{ x|t }} and</p>"])
def test_control_a_text_past_the_catalogue_is_found(source: str) -> None:
    assert literal_texts(source)
