"""A program's name without anything that tells who runs it."""

from __future__ import annotations

import pytest

from idp.http.agent_family import agent_family


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        ("python-requests/2.32.3", "python-requests"),
        ("Apache-HttpClient/4.5.13 (Java/17.0.2)", "Apache-HttpClient"),
        ("Java/17.0.2", "Java"),
        ("okhttp/4.12.0", "okhttp"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36", "browser"),
        ("", "unnamed"),
        ("079085001234", "unnamed"),
        ("079085001234/1.0", "unnamed"),
        ("a079085001234", "a"),
        ("Nguyễn Thị Hoa", "Nguy"),
        ("../../etc/passwd", "unnamed"),
        ("x" * 5000, "x" * 24),
        ("portal-name-that-is-very-much-too-long/1", "portal-name-that-is-very"),
        ("go_http.client\x00\n<script>", "go_http.client"),
    ],
)
def test_what_is_kept_of_a_user_agent(user_agent: str, family: str) -> None:
    assert agent_family(user_agent) == family
