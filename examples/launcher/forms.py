"""Reads and fills the forms of a page, as a browser without JavaScript does."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(slots=True)
class Form:
    """A form: where it goes, what it would send by itself, and the choices that it offers."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Every field and button of the form."""
        return set(self.values) | set(self.choices)


def read_forms(page: str) -> list[Form]:
    """All forms of an HTML page that are sent by POST."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self._inside = (attributes.get("method") or "").lower() == "post"
            if self._inside:
                self.forms.append(Form(attributes.get("action") or ""))
        elif tag in {"input", "button"} and self._inside and attributes.get("name"):
            self._read_field(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    def _read_field(self, tag: str, attributes: dict[str, str | None]) -> None:
        form, name, value = self.forms[-1], attributes["name"] or "", attributes.get("value") or ""
        chosen = tag == "button" or attributes.get("type") in {"radio", "checkbox", "submit"}
        if chosen and "disabled" not in attributes:
            form.choices.setdefault(name, []).append(value)
        elif not chosen:
            form.values[name] = value
