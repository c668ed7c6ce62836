"""Parameters arrive in order, decoded once, and never half understood."""

from __future__ import annotations

from typing import Any

import pytest

from idp.http.forms import read_query
from idp.http.refusal import Refusal

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        (b"", []),
        (b"a=1&b=2", [("a", "1"), ("b", "2")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"a=&b", [("a", ""), ("b", "")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"scope=openid+profile%20x", [("scope", "openid profile x")]),
        (b"n=%C4%90%E1%BA%B7ng", [("n", "Đặng")]),
        (b"%61=%2B", [("a", "+")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
    ],
)
def test_queries_are_read(request_with: Any, query: bytes, parameters: list[tuple[str, str]]) -> None:
    assert read_query(request_with(query=query)) == parameters


@pytest.mark.parametrize(
    "query",
    [b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"a=%C3", b"a=%00", b"%00=a", b"a=\xff", b"a=%ed%a0%80"],
)
def test_what_cannot_be_read_is_refused(request_with: Any, query: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_query(request_with(query=query))
    assert refused.value.status == 400


def test_parameters_are_counted(request_with: Any) -> None:
    assert len(read_query(request_with(query=b"&".join([b"a=1"] * 100)))) == 100
    with pytest.raises(Refusal) as refused:
        read_query(request_with(query=b"&".join([b"a=1"] * 101)))
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (FORM, 200),
        (f"{FORM}; charset=UTF-8", 200),
        (f"{FORM}; charset=utf-16", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
async def test_forms_have_one_content_type(door: Any, content_type: str, status: int) -> None:
    answer = await door.visit("POST", "/form", headers={"content-type": content_type}, content=b"a=1")
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == [["a", "1"]]


async def test_an_empty_body_has_no_parameters(door: Any) -> None:
    assert (await door.visit("POST", "/form")).json() == []


async def test_compressed_bodies_are_refused(door: Any) -> None:
    headers = {"content-type": FORM, "content-encoding": "gzip"}
    assert (await door.visit("POST", "/form", headers=headers, content=b"a=1")).status_code == 415
