"""The order of the audit log."""

from __future__ import annotations

from uuid import UUID

from idp.audit.events import event_id

SECOND = 1_790_000_000


def test_events_of_one_second_stand_in_the_order_of_their_making() -> None:
    made = [event_id(SECOND) for _ in range(20_000)]
    assert made == sorted(made)
    assert event_id(SECOND - 1) < made[0] < made[-1] < event_id(SECOND + 1)


def test_ids_are_uuids_of_the_seventh_version() -> None:
    made = UUID(event_id(SECOND))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == SECOND * 1000
