"""Installations for the tests of this room."""

from __future__ import annotations

from tests.support.custody import installed, seasoned

__all__ = ["installed", "seasoned"]
