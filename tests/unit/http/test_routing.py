"""The table of routes."""

from __future__ import annotations

from typing import Any

import pytest

from idp.http import routing


async def nothing(request: Any, surroundings: Any) -> Any:
    raise AssertionError


def test_fixed_paths_win_over_patterns() -> None:
    routes = routing.Routes([routing.page("/a/{id}", GET=nothing), routing.page("/a/b", GET=nothing)])
    found = routes.find("/a/b")
    assert found is not None
    assert found[0].path == "/a/b"


@pytest.mark.parametrize("path", ["/a", "/a/", "/a/x/", "/a/x\n", "/A/x", "/a/x/y", "//a/x"])
def test_a_path_matches_whole_or_not_at_all(path: str) -> None:
    assert routing.Routes([routing.page("/a/{id}", GET=nothing)]).find(path) is None


@pytest.mark.parametrize("rest", ["x", "x/y", "x001/x234/067.p/5"])
def test_a_parameter_may_take_several_segments(rest: str) -> None:
    found = routing.Routes([routing.json("/a/{rest:path}", GET=nothing)]).find(f"/a/{rest}")
    assert found is not None
    assert found[1] == {"rest": rest}


@pytest.mark.parametrize("path", ["/a", "/a/", "/a//x", "/a/x/", "/a/x//y", "/a/x/y\n", "/a/x/%2e", "/a/x y"])
def test_several_segments_are_whole_ones(path: str) -> None:
    assert routing.Routes([routing.json("/a/{rest:path}", GET=nothing)]).find(path) is None


def test_dots_in_paths_are_dots() -> None:
    routes = routing.Routes([routing.json("/.well-known/{name}", GET=nothing)])
    assert routes.find("/xwell-known/a") is None


def test_two_routes_with_one_path_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="same path"):
        routing.Routes([routing.page("/a", GET=nothing), routing.json("/a", POST=nothing)])
