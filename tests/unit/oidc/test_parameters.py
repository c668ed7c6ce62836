"""Forms of direct requests, and the prompt."""

from __future__ import annotations

import pytest

from idp.errors import InvalidRequest
from idp.oidc.parameters import REPEATABLE, read_form, read_known
from idp.oidc.prompt import read_prompt

KNOWN = {"grant_type", "code", "scope"}


def test_known_ones_with_a_value() -> None:
    form = read_form([("grant_type", "x"), ("code", ""), ("other", "1"), ("other", "2")], KNOWN)
    assert dict(form) == {"grant_type": "x"}
    assert "code" not in form
    assert len(form) == 1


@pytest.mark.parametrize(
    "pairs",
    [
        [("code", "a"), ("code", "a")],
        [("code", ""), ("code", "a")],
        [("code", "a"), ("code", "")],
        [("code", "a" * 2049)],
        [("code", "a\x00")],
        [("code", "a\n")],
        [("code", "\ufffd")],
    ],
)
def test_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest, match="code"):
        read_form(pairs, KNOWN)
    assert "code" not in read_known(pairs, KNOWN)


def test_a_resource_may_be_named_several_times() -> None:
    named = [("resource", "https://a"), ("code", "x"), ("resource", ""), ("resource", "https://b")]
    assert dict(read_form(named, {*KNOWN, "resource"})) == {"resource": "https://a https://b", "code": "x"}


@pytest.mark.parametrize(
    "values",
    [["x:y"] * 11, ["x:y", "x:y x:z"], ["x:y", "x:y\n"], ["x" * 2049], [""] * 11, ["\ufffd", "x:y"]],
)
def test_lists_that_cannot_be_read(values: list[str]) -> None:
    pairs = [("resource", value) for value in values]
    with pytest.raises(InvalidRequest, match="resource"):
        read_form(pairs, {"resource"})
    assert "resource" not in read_known(pairs, {"resource"})


def test_what_may_be_repeated_is_a_closed_list() -> None:
    assert set(REPEATABLE) == {"resource", "audience"}


def test_a_limit_of_its_own() -> None:
    assert read_form([("code", "a" * 3000)], KNOWN, {"code": 4000})["code"]
    with pytest.raises(InvalidRequest):
        read_form([("code", "abc")], KNOWN, {"code": 2})


def test_prompts() -> None:
    assert read_prompt("none") == {"none"}
    assert read_prompt("login  consent select_account") == {"login", "consent", "select_account"}
    assert read_prompt("") == frozenset()


@pytest.mark.parametrize("text", ["none login", "none create", "NONE", "login,consent"])
def test_prompts_that_make_no_sense(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_prompt(text)
