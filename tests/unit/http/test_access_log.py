"""Records are lines of JSON that no slow or absent reader can hold up."""

from __future__ import annotations

import json
from collections.abc import Callable

from idp.http.access_log import BufferedAccessLog


def writer(written: list[bytes]) -> Callable[[int, bytes], int]:
    """A system call that takes everything."""

    def write(_: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    return write


async def test_records_are_written_together_in_order() -> None:
    written: list[bytes] = []
    log = BufferedAccessLog(9, writer(written))
    log.keep({"n": 1})
    log.keep({"n": 2})
    assert written == []
    log.flush()
    assert [json.loads(line) for line in written[0].splitlines()] == [{"n": 1}, {"n": 2}]


async def test_one_write_is_never_so_large_that_workers_mix() -> None:
    written: list[bytes] = []
    log = BufferedAccessLog(9, writer(written))
    for number in range(100):
        log.keep({"n": number, "route": "x" * 100})
    log.flush()
    assert max(map(len, written)) <= 4096
    assert len(b"".join(written).splitlines()) == 100


async def test_partial_writes_are_completed() -> None:
    written = bytearray()

    def write(_: int, data: bytes) -> int:
        written.extend(data[:5])
        return min(5, len(data))

    log = BufferedAccessLog(9, write)
    log.keep({"route": "/token"})
    log.flush()
    assert json.loads(written) == {"route": "/token"}


async def test_a_reader_that_went_away_stops_nothing() -> None:
    def write(_: int, data: bytes) -> int:
        raise BrokenPipeError

    log = BufferedAccessLog(9, write)
    log.keep({"n": 1})
    log.flush()
