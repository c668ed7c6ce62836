"""The program's own log: one JSON record a line on standard error."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime

import orjson


class JsonLines(logging.Formatter):
    """A record as a line of JSON.

    PostgreSQL repeats the values of a row in the DETAIL line of its errors; those lines are left out, for they may be
    a person's.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "at": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname.lower(),
            "log": record.name,
            "message": _without_details(record.getMessage()),
            "process": record.process,
        }
        request_id = getattr(record, "request_id", None)
        if request_id is not None:
            line["request_id"] = request_id
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = _without_details("".join(traceback.format_exception(*record.exc_info)))
        return orjson.dumps(line, default=str).decode()


def _without_details(text: str) -> str:
    return "\n".join(part for part in text.splitlines() if not part.startswith("DETAIL:"))


def set_up_logs(level: str) -> None:
    """Send everything to standard error as JSON, from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
