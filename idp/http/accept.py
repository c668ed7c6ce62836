"""Which of two forms of an answer a caller would rather have (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from typing import Final

_MOST: Final = 20
_WEIGHT: Final = re.compile(r"\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)


def prefers(accept: str, special: str, common: str) -> bool:
    """Whether the `special` media type is to be sent in the place of the `common` one.

    It is where it is named and not weighed less: who says `*/*`, or nothing, does not know of it.
    """
    weights: dict[str, float] = {}
    for part in accept.split(",")[:_MOST]:
        media_type, *parameters = part.split(";")
        weights.setdefault(media_type.strip().lower(), _weight(parameters))
    return weights.get(special, 0) > 0 and weights[special] >= weights.get(common, 0)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if found := _WEIGHT.fullmatch(parameter):
            return float(found[1])
    return 1
