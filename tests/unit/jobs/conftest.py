"""A provider with a portal that is told of logouts, and somebody who may log in there."""

from __future__ import annotations

import pytest

from tests.support.browsing import Browser
from tests.support.provider import Provider


@pytest.fixture
def one(telling_provider: Provider) -> Provider:
    """A fresh provider for each test."""
    return telling_provider


@pytest.fixture
def browser(one: Provider) -> Browser:
    """A person's browser."""
    return one.browser()
