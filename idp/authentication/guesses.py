"""How many guesses a password withstands, by zxcvbn's matchers and a vocabulary of ours.

The matchers and the lists are zxcvbn's (D. Wheeler, USENIX Security 2016). Its way of adding the parts up is not used:
it takes any four words for strong, so that `nguyenvanan1985` would pass. Here the parts multiply, no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from idp.authentication.vietnamese_words import vocabulary

CONSIDERED: Final = (
    72  # characters looked at: the work grows with the square, and more than these adds nothing
)


def is_listed(word: str) -> bool:
    """Whether a word, in lower case, is among the passwords that many people use."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # noqa: PLC0415 - 14 MB of lists, wanted when a password is chosen

    return word in RANKED_DICTIONARIES["passwords"]


def decades(text: str, known: Mapping[str, int]) -> float:
    """Decimal logarithm of the guesses that find the text; `known` ranks words a guesser tries for this person."""
    from zxcvbn.matching import RANKED_DICTIONARIES, omnimatch  # noqa: PLC0415 - see above
    from zxcvbn.scoring import estimate_guesses  # noqa: PLC0415 - see above

    looked_at = text[:CONSIDERED]
    words = {**RANKED_DICTIONARIES, "vietnamese": vocabulary(), "person": known}
    ending: list[list[tuple[int, float]]] = [[] for _ in looked_at]
    for match in omnimatch(looked_at, words):
        ending[match["j"]].append((match["i"], _decades_of(match, looked_at, estimate_guesses)))
    cheapest = [0.0]
    for position, parts in enumerate(ending):
        alone = cheapest[position] + 1  # a character that fits no pattern is one of ten, as zxcvbn counts
        cheapest.append(min([alone, *(cheapest[start] + cost for start, cost in parts)]))
    return cheapest[-1]


def _decades_of(match: dict[str, Any], text: str, estimate: Any) -> float:
    return math.log10(max(1.0, float(estimate(match, text))))
