"""QR codes as they stand in pages: mark-up that draws and does nothing else."""

from __future__ import annotations

import re

from idp.pages.qr import draw

FINDER = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
QUIET = 4  # modules of white around (ISO/IEC 18004 §6.3.8)


def modules(svg: str) -> list[str]:
    """Rows of the drawing, `1` for black; read from the strokes of its path."""
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    path = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert found is not None
    assert path is not None
    rows = [["0"] * int(found[1]) for _ in range(int(found[2]))]
    x, y = 0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path[1]):
        values = [float(number) for number in numbers.split()]
        if command == "h":
            rows[int(y)][x : x + int(values[0])] = ["1"] * int(values[0])
            x += int(values[0])
        else:
            x, y = int(values[0]) + (x if command == "m" else 0), values[1] + (y if command == "m" else 0)
    return ["".join(row) for row in rows]


def test_it_has_its_three_corners_and_a_margin() -> None:
    rows = modules(draw("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ"))
    size = len(rows)
    assert all(len(row) == size for row in rows)
    for top, left in ((QUIET, QUIET), (QUIET, size - QUIET - 7), (size - QUIET - 7, QUIET)):
        assert [row[left : left + 7] for row in rows[top : top + 7]] == FINDER
    assert all(set(row) == {"0"} for row in [*rows[:QUIET], *rows[-QUIET:]])


def test_it_is_a_drawing_and_nothing_else() -> None:
    svg = draw("<script>alert(1)</script>")
    assert re.findall(r"<(/?\w+)", svg) == ["svg", "path", "path", "/svg"]
    assert "style" not in svg
    assert draw("a") != draw("b")
