"""Commands that take an identifier of a key or a change: a SHA-256 in base64url, which may begin with a hyphen."""

from __future__ import annotations

import re
from typing import Final

import click

_HYPHENED: Final = re.compile(r"-[A-Za-z0-9_-]{42}", re.ASCII)


class IdentifierCommand(click.Command):
    """Takes an identifier for one also when it looks like an option: one in 64 begins with a hyphen."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put such identifiers behind the mark after which nothing is an option."""
        found = [] if "--" in args else [one for one in args if _HYPHENED.fullmatch(one)]
        others = [one for one in args if one not in found]
        return super().parse_args(ctx, [*others, "--", *found] if found else args)
