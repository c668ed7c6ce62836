"""Form and query parameters as OAuth reads them (RFC 6749 §3.1, §3.2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idp.errors import InvalidRequest

MAX_VALUE_LENGTH: Final = 2048
"""Characters of a parameter, where no other limit is stated: a `Location` must stay within what browsers take."""

REPEATABLE: Final[Mapping[str, int]] = MappingProxyType({"resource": 10, "audience": 10})
"""What may be given more than once, and how often: RFC 8707 §2, RFC 8693 §2.1. It is read as one text, the values in
the order given with a space between them; none of them can hold a space itself."""

_ILLEGAL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffd]")
"""Control characters, and what a decoder leaves where octets are not UTF-8: neither could be echoed as it came."""


@dataclass(frozen=True, slots=True)
class Parameters(Mapping[str, str]):
    """Known parameters with a value, each once; a `REPEATABLE` one as a list with spaces.

    `faults` are the others, with what is wrong about them.
    """

    values_by_name: Mapping[str, str]
    faults: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


def read_known(
    pairs: Sequence[tuple[str, str]],
    known: Collection[str],
    limits: Mapping[str, int] | None = None,
) -> Parameters:
    """The known parameters: one without a value counts as omitted, unknown ones are ignored (§3.1)."""
    values: dict[str, list[str]] = {}
    faults: dict[str, str] = {}
    times: dict[str, int] = {}
    for name, value in pairs:
        if name not in known:
            continue
        times[name] = times.get(name, 0) + 1
        if fault := _fault(name, value, times[name], (limits or {}).get(name, MAX_VALUE_LENGTH)):
            faults[name] = fault
        elif value:
            values.setdefault(name, []).append(value)
    return Parameters({name: " ".join(given) for name, given in values.items() if name not in faults}, faults)


def _fault(name: str, value: str, times: int, limit: int) -> str:
    """What is wrong with a parameter that comes for the nth time; empty where nothing is."""
    most = REPEATABLE.get(name)
    if times > (most or 1):
        return f"is given more than {most} times" if most else "is given twice (RFC 6749 section 3.1)"
    if len(value) > limit:
        return "is too long"
    if _ILLEGAL.search(value):
        return "has a control character, or is not UTF-8"
    return "has a space" if most and " " in value else ""


def check_faultless(parameters: Parameters) -> None:
    """Refuse what `read_known` found wrong.

    Raises:
        InvalidRequest: naming the first parameter at fault.
    """
    for name, fault in parameters.faults.items():
        raise InvalidRequest(f"{name} {fault}")


def read_form(
    pairs: Sequence[tuple[str, str]],
    known: Collection[str],
    limits: Mapping[str, int] | None = None,
) -> Mapping[str, str]:
    """The known parameters of a direct request to us (token, revocation, introspection endpoint).

    Raises:
        InvalidRequest: a parameter is given twice, too long or unreadable.
    """
    parameters = read_known(pairs, known, limits)
    check_faultless(parameters)
    return parameters
