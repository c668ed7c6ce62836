"""What the suite's scripted browser does at our pages: `browser` of a plan's configuration, as data.

The suite matches the address it is sent to, then works off tasks: each names the page it is for and what is typed and
pressed there. Ids of fields and buttons are those of our templates; a test holds that they exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Task: TypeAlias = Mapping[str, Any]
Steps: TypeAlias = list[Mapping[str, Any]]

MOST_CLAIMS: Final = 12
"""Boxes that a page of consent may have; those that it has not are passed over."""

SECONDS: Final = 15
"""How long the suite's browser waits for a page."""

SHOWN: Final = "update-image-placeholder"
"""The page that matches is the picture that a person would have uploaded."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who logs in where: `issuer`, `mtls` and `suite` are addresses without a final slash.

    `approval` is where a CIBA request is answered, with `{auth_req_id}` and `{action}` in it.
    """

    issuer: str
    suite: str
    personal_number: str
    password: str
    mtls: str = ""
    approval: str = ""


def _sign_in(visitor: Visitor, *, seen: str = "", needed: bool = False) -> Task:
    """The login page; with `seen`, the element of this id is the picture that the module asks for."""
    look = [["wait", "id", seen, SECONDS, ".*", SHOWN]] if seen else []
    maybe = [] if needed else ["optional"]
    typed = [
        ["text", "id", "personal_number", visitor.personal_number, *maybe],
        ["text", "id", "password", visitor.password, *maybe],
        ["click", "id", "sign_in", *maybe],
    ]
    return {
        "task": "Sign in",
        "match": f"{visitor.issuer}/interaction/*",
        "optional": not needed,
        "commands": [*look, *typed],
    }


def _agree(visitor: Visitor) -> Task:
    """A notice is read, or every claim is agreed to; neither is shown where it was before."""
    boxes = [["click", "id", f"claim-{number}", "optional"] for number in range(1, MOST_CLAIMS + 1)]
    pressed = [["click", "id", "allow", "optional"], ["click", "id", "continue", "optional"]]
    return {
        "task": "Agree",
        "match": f"{visitor.issuer}/interaction/*",
        "optional": True,
        "commands": [*boxes, *pressed],
    }


def _return(visitor: Visitor) -> Task:
    return {"task": "Back after signing out", "match": f"{visitor.suite}/test/*"}


def _arrive(visitor: Visitor) -> Task:
    return {
        "task": "Back at the portal",
        "match": f"{visitor.suite}/test/*",
        "commands": [["wait", "id", "submission_complete", SECONDS]],
    }


def _at(visitor: Visitor, path: str, *tasks: Task, times: int = 0) -> Mapping[str, Any]:
    limit = {"match-limit": times} if times else {}
    return {"match": f"{visitor.issuer}{path}*", "tasks": list(tasks), **limit}


def login(visitor: Visitor, *, times: int = 0) -> Steps:
    """A login as everybody's; with `times`, only at the first so many requests."""
    return [_at(visitor, "/authorize", _sign_in(visitor), _agree(visitor), _arrive(visitor), times=times)]


def refuse(visitor: Visitor) -> Steps:
    """The person goes back to the portal without a login."""
    press = {
        "task": "Refuse",
        "match": f"{visitor.issuer}/interaction/*",
        "commands": [["click", "id", "cancel"]],
    }
    return [_at(visitor, "/authorize", press, _arrive(visitor))]


def look_then_login(visitor: Visitor) -> Steps:
    """The first visit only looks at the login page; the second one, of the same address, logs in."""
    look = {
        "task": "Look",
        "match": f"{visitor.issuer}/interaction/*",
        "commands": [["wait", "id", "sign_in", SECONDS]],
    }
    return together([_at(visitor, "/authorize", look, times=1)], login_shown(visitor, seen="sign_in"))


def login_then_login_shown(visitor: Visitor, *, seen: str = "sign_in") -> Steps:
    """The first request logs in; the second must show the login page again."""
    again = (_sign_in(visitor, seen=seen, needed=True), _agree(visitor), _arrive(visitor))
    return together(login(visitor, times=1), [_at(visitor, "/authorize", *again)])


def login_shown(visitor: Visitor, *, seen: str) -> Steps:
    """The login page shows the element of this id."""
    return [
        _at(
            visitor,
            "/authorize",
            _sign_in(visitor, seen=seen, needed=True),
            _agree(visitor),
            _arrive(visitor),
        )
    ]


def error_shown(visitor: Visitor, path: str, error: str) -> Steps:
    """An error page of this id instead of a redirect."""
    look = ["wait", "id", "error-code", SECONDS, error, SHOWN]
    return [_at(visitor, path, {"task": "Read the error", "commands": [look]})]


def logout(visitor: Visitor) -> Steps:
    """Sign out, with a question or without, and back to the portal."""
    press = {
        "task": "Sign out",
        "optional": True,
        "match": f"{visitor.issuer}/logout*",
        "commands": [
            ["click", "id", "logout", "optional"],
            ["click", "id", "return", "optional"],
        ],
    }
    return [_at(visitor, "/logout", press, _return(visitor))]


def logout_shown(visitor: Visitor) -> Steps:
    """Sign out, and stay at our page, which is the picture."""
    press = {
        "task": "Sign out",
        "optional": True,
        "match": f"{visitor.issuer}/logout*",
        "commands": [["click", "id", "logout", "optional"]],
    }
    read = {"task": "Read", "commands": [["wait", "id", "logged-out", SECONDS, ".*", SHOWN]]}
    return [_at(visitor, "/logout", press, read)]


def together(*steps: Sequence[Mapping[str, Any]]) -> Steps:
    """Several visits of one module, the most special first."""
    return [one for each in steps for one in each]
