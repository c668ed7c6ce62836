"""The program's log is JSON and keeps values of rows to itself."""

from __future__ import annotations

import json
import logging
import sys

from idp.cli.logs import JsonLines


def test_a_record_is_one_line_of_json() -> None:
    record = logging.LogRecord("motcua.x", logging.WARNING, "f", 1, "line one\nline %s", ("two",), None)
    record.request_id = "abc"
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "line one\nline two"
    assert json.loads(line)["level"] == "warning"
    assert json.loads(line)["request_id"] == "abc"


def test_details_of_a_database_error_are_left_out() -> None:
    said = "duplicate key\nDETAIL:  Key (number)=(001099000001) already exists."
    try:
        raise ValueError(said)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    line = json.loads(JsonLines().format(record))
    assert "duplicate key" in line["traceback"]
    assert "001099000001" not in line["traceback"]
