"""The day it is in Viet Nam, on which birthdays, cards and terms of office turn."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Final

VIET_NAM: Final = timezone(timedelta(hours=7), "ICT")
"""Indochina Time; the country has had no summer time since it was unified."""


def today(now: int) -> date:
    """The calendar day in Viet Nam at `now` (epoch seconds)."""
    return datetime.fromtimestamp(now, VIET_NAM).date()
