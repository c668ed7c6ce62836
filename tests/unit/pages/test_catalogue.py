"""The Vietnamese catalogue is complete, current and compiled."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

from idp.pages import catalogue
from idp.pages.i18n import read_messages

_PLACEHOLDER = re.compile(r"%\(\w+\)s")
_TAG = re.compile(r"</?\w+[^>]*>")


def test_every_text_of_the_sources_is_translated_and_no_other() -> None:
    written = {message.id: message.string for message in catalogue.read_translations() if message.id}
    assert set(written) == set(catalogue.extract())
    assert [source for source, text in written.items() if not text] == []


def test_nothing_is_fuzzy_or_obsolete() -> None:
    translations = catalogue.read_translations()
    assert [message.id for message in translations if message.fuzzy and message.id] == []
    assert list(translations.obsolete) == []


def test_the_compiled_catalogue_is_current() -> None:
    assert catalogue.MO_PATH.read_bytes() == catalogue.compiled(catalogue.read_translations())


def test_placeholders_and_mark_up_survive_translation() -> None:
    for source, text in read_messages("vi").items():
        assert sorted(_PLACEHOLDER.findall(source)) == sorted(_PLACEHOLDER.findall(text)), source
        assert sorted(_TAG.findall(source)) == sorted(_TAG.findall(text)), source
        assert "%" not in _PLACEHOLDER.sub("", source + text), source


def test_texts_are_safe_as_mark_up() -> None:
    for text in (*read_messages("vi").values(), *read_messages("en").values()):
        plain = _TAG.sub("", text)
        assert not set('<>&"') & set(plain), text
        assert set(_TAG.findall(text)) <= {"<strong lang='vi'>", "</strong>", "<span lang='vi'>", "</span>"}


def test_vietnamese_is_composed_and_speaks_one_register() -> None:
    for text in read_messages("vi").values():
        assert unicodedata.is_normalized("NFC", text), text
        # The texts do without an address: neither familiar (bạn) nor by age and sex (ông/bà).
        assert not re.search(r"\b(bạn|anh chị|anh/chị|quý khách|các em|ông/bà)\b", text.lower()), text


def test_translated_texts_differ_from_the_english() -> None:
    assert [source for source, text in read_messages("vi").items() if source == text] == []


def test_english_shows_its_own_texts() -> None:
    assert all(source == text for source, text in read_messages("en").items())


def test_the_server_does_not_load_babel() -> None:
    program = "import sys, idp.pages.render as r; r.Pages.load(); sys.exit('babel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
