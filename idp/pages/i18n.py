"""Which language a page speaks, and how it writes numbers, dates and times.

The messages' identifiers are the English texts; the Vietnamese catalogue is compiled beforehand and read with the
standard library, so that Babel is never loaded by the server.
"""

import gettext
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NewType, TypeAlias

from idp.registers.calendar import VIET_NAM

Locale: TypeAlias = Literal["vi", "en"]

Message = NewType("Message", str)
"""An English text that is in the catalogue. Only our own source code makes one, so it may hold mark-up."""

LOCALES: Final[tuple[Locale, ...]] = ("vi", "en")
DEFAULT_LOCALE: Final[Locale] = "vi"
DOMAIN: Final = "motcua"
CATALOGUE_DIRECTORY: Final = Path(__file__).parent / "locale"

_ACCEPT_LANGUAGE_LIMIT: Final = 20
_ENGLISH_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def msg(text: str) -> Message:
    """Mark an English text for extraction into the catalogue; it is translated when a page is rendered."""
    return Message(text)


def read_messages(locale: Locale) -> Mapping[str, str]:
    """All messages of a language, by their English text. English is the identity over the same set.

    Raises `OSError` when the compiled catalogue is missing, so that the server does not start without it.
    """
    path = CATALOGUE_DIRECTORY / "vi" / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with path.open("rb") as compiled:
        catalogue: Mapping[str, str] = gettext.GNUTranslations(compiled)._catalog  # type: ignore[attr-defined] # noqa: SLF001
    texts = {source: text for source, text in catalogue.items() if source}
    return texts if locale == "vi" else {source: source for source in texts}


def negotiate(ui_locales: str | None, cookie: str | None, accept_language: str | None) -> Locale:
    """Choose a language: the portal's request, then the person's earlier choice, then the browser's; else Vietnamese.

    `ui_locales` is a space-separated list in order of preference (OpenID Connect Core §3.1.2.1); `accept_language` is
    the HTTP header (RFC 9110 §12.5.4). Unknown languages and malformed parts are passed over.
    """
    for tag in (ui_locales or "").split()[:_ACCEPT_LANGUAGE_LIMIT]:
        if locale := _known(tag):
            return locale
    if cookie and (locale := _known(cookie)):
        return locale
    return _from_accept_language(accept_language or "") or DEFAULT_LOCALE


def _known(tag: str) -> Locale | None:
    match tag.partition("-")[0].lower():
        case "vi":
            return "vi"
        case "en":
            return "en"
        case _:
            return None


def _from_accept_language(header: str) -> Locale | None:
    best: tuple[float, Locale] | None = None
    for part in header.split(",")[:_ACCEPT_LANGUAGE_LIMIT]:
        tag, _, parameter = part.strip().partition(";")
        weight = _weight(parameter)
        locale = _known(tag.strip())
        if locale and weight > 0 and (best is None or weight > best[0]):
            best = (weight, locale)
    return best[1] if best else None


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0


def format_number(number: int, locale: Locale) -> str:
    """An integer with its thousands grouped: `1.234.567` in Vietnamese, `1,234,567` in English."""
    grouped = f"{number:,}"
    return grouped.replace(",", ".") if locale == "vi" else grouped


def format_date(at: int, locale: Locale) -> str:
    """The day of an instant (epoch seconds) in Viet Nam, `dd/mm/yyyy`; both languages write it alike."""
    del locale
    return f"{_local(at):%d/%m/%Y}"


def format_time(at: int, locale: Locale) -> str:
    """The time of day of an instant (epoch seconds) in Viet Nam, on the 24-hour clock."""
    del locale
    return f"{_local(at):%H:%M}"


def format_moment(at: int, locale: Locale) -> str:
    """Day and time of an instant (epoch seconds): `14:32 ngày 22/11/2026`, `14:32 on 22/11/2026`."""
    return f"{format_time(at, locale)} {'ngày' if locale == 'vi' else 'on'} {format_date(at, locale)}"


def format_calendar_date(text: str, locale: Locale) -> str:
    """A calendar date as a register holds it, with its precision: `1950`, `1950-03` or `1950-03-07`.

    Never invents a day or a month. Raises `ValueError` for anything else.
    """
    parts = text.split("-")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(text)
    match parts:
        case [year]:
            return f"năm {year}" if locale == "vi" else year
        case [year, month] if 1 <= int(month) <= 12:
            english = f"{_ENGLISH_MONTHS[int(month) - 1]} {year}"
            return f"tháng {int(month)} năm {year}" if locale == "vi" else english
        case [year, month, day]:
            return f"{day}/{month}/{year}"
        case _:
            raise ValueError(text)


def format_phone_number(number: str, locale: Locale) -> str:
    """An E.164 number in groups, `+84 912 345 678`; numbers of other countries are left as they are."""
    del locale
    digits = number.removeprefix("+84")
    if digits == number or not digits.isdigit():
        return number
    return " ".join(["+84", digits[:-6], digits[-6:-3], digits[-3:]])


def iso_instant(at: int) -> str:
    """An instant (epoch seconds) for the `datetime` attribute of `<time>`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _local(at: int) -> datetime:
    return datetime.fromtimestamp(at, VIET_NAM)
