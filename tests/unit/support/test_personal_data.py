"""The alarm hears what it must, and only that."""

from __future__ import annotations

import logging

import pytest

from tests.support.personal_data import PersonalDataAlarm


@pytest.fixture
def alarm() -> PersonalDataAlarm:
    return PersonalDataAlarm()


def logger_with(alarm: PersonalDataAlarm) -> logging.Logger:
    logger = logging.Logger("motcua.example")  # noqa: LOG001 - not below the root, where the run's own alarm listens
    logger.addHandler(alarm)
    return logger


def test_a_personal_number_in_a_message_is_heard(alarm: PersonalDataAlarm) -> None:
    logger_with(alarm).debug("no such person: %s", "001" + "199000001")
    assert alarm.heard


def test_a_personal_number_in_an_exception_is_heard(alarm: PersonalDataAlarm) -> None:
    try:
        raise ValueError("001" + "199000001")
    except ValueError:
        logger_with(alarm).exception("failed")
    assert alarm.heard


def test_a_personal_number_given_along_is_heard(alarm: PersonalDataAlarm) -> None:
    logger_with(alarm).info("login", extra={"who": "001" + "199000001"})
    assert alarm.heard


def test_a_watched_name_is_heard(alarm: PersonalDataAlarm) -> None:
    alarm.watch("Trần Thị Mẫu")
    logger_with(alarm).info("welcome, Trần Thị Mẫu")
    assert alarm.heard


@pytest.mark.parametrize(
    "text", ["0d7b3c9e-1111-4222-8333-001199000001", "request 17", "1199000001", "x001199000001y"]
)
def test_ids_and_counts_are_not_taken_for_people(alarm: PersonalDataAlarm, text: str) -> None:
    logger_with(alarm).info(text)
    assert alarm.heard == []
