"""Keeping the message catalogue: `python -m idp.pages.catalogue` extracts, merges and compiles.

A developer's command. Babel is needed here only; the server reads the compiled file with the standard library.
"""

import ast
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, nodes

from idp.pages.i18n import CATALOGUE_DIRECTORY, DOMAIN
from idp.pages.render import TEMPLATE_DIRECTORY

if TYPE_CHECKING:
    from babel.messages import Catalog

PO_PATH: Final = CATALOGUE_DIRECTORY / "vi" / "LC_MESSAGES" / f"{DOMAIN}.po"
MO_PATH: Final = PO_PATH.with_suffix(".mo")
_SOURCE_DIRECTORY: Final = Path(__file__).parent


def extract() -> Mapping[str, str]:
    """Every message of the sources, with the name of the file that uses it first."""
    found: dict[str, str] = {}
    for path in sorted(TEMPLATE_DIRECTORY.glob("*.html")):
        for text in _of_template(path.read_text("utf-8")):
            found.setdefault(text, path.name)
    for path in sorted(_SOURCE_DIRECTORY.glob("*.py")):
        for text in _of_module(path.read_text("utf-8")):
            found.setdefault(text, path.name)
    return found


def _of_template(source: str) -> Iterator[str]:
    """Constants given to the filter `t`."""
    environment = Environment(autoescape=True)
    for use in environment.parse(source).find_all(nodes.Filter):
        if use.name == "t" and isinstance(use.node, nodes.Const):
            yield use.node.value


def _of_module(source: str) -> Iterator[str]:
    """Constants given to `msg`."""
    for call in ast.walk(ast.parse(source)):
        match call:
            case ast.Call(func=ast.Name(id="msg"), args=[ast.Constant(value=str(text))]):
                yield text


def read_translations() -> "Catalog":
    """The Vietnamese catalogue as its editors wrote it."""
    from babel.messages.pofile import read_po  # noqa: PLC0415 - developers only, the server does not load Babel

    with PO_PATH.open("rb") as file:
        return read_po(file, locale="vi", domain=DOMAIN)


def merge(earlier: "Catalog") -> "Catalog":
    """The earlier translations, for exactly the messages of today's sources."""
    from babel.messages import Catalog  # noqa: PLC0415 - as above

    merged = Catalog(
        locale="vi", domain=DOMAIN, project="Một Cửa", fuzzy=False, creation_date=earlier.creation_date,
        revision_date=earlier.revision_date, header_comment="# Một Cửa: Vietnamese texts of the pages.",
    )  # fmt: skip
    for text, file in sorted(extract().items(), key=lambda item: (item[1], item[0])):
        known = earlier.get(text)
        flags = {"python-format"} if "%(" in text else set()
        merged.add(text, known.string if known else "", locations=[(file, 0)], flags=flags)
    return merged


def compiled(catalogue: "Catalog") -> bytes:
    """The catalogue in the binary form that the standard library reads."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - as above

    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> None:
    """Bring the catalogue up to date with the sources and name what is not translated yet."""
    from babel.messages.pofile import write_po  # noqa: PLC0415 - as above

    catalogue = merge(read_translations())
    with PO_PATH.open("wb") as file:
        write_po(file, catalogue, width=110, omit_header=False, include_lineno=False)
    MO_PATH.write_bytes(compiled(catalogue))
    for message in catalogue:
        if message.id and not message.string:
            sys.stdout.write(f"not translated: {message.id}\n")


if __name__ == "__main__":
    main()
