"""How fast anyone may try activation codes.

A code's 50 bits bear guessing by themselves, so the throttle need not stand between a person and the right code: wrong
tries beyond the limit are refused without a word more than any other and are told apart in the audit log, and the right
code works whatever strangers have done before. Policy, as in `idp.authentication.throttle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from idp.store.throttle import Bucket, Limit, bucket, subscriber

ADDRESS: Final = Limit(interval_ms=2_000, burst=120)
"""Wrong codes from one IPv4 address or IPv6 /64."""
NUMBER: Final = Limit(interval_ms=60_000, burst=20)
"""Wrong codes for one personal number, from everywhere."""


def activation_path(number_digest: bytes, address: str) -> Sequence[Bucket]:
    """Buckets of a wrong code, the same whether or not anybody has the number."""
    return (
        bucket("activate-address", ADDRESS, subscriber(address)),
        bucket("activate-number", NUMBER, number_digest),
    )
