"""Keys that rotate themselves, as far as officers have approved it."""

from __future__ import annotations

import logging
from typing import Final

from idp.custody.custodian import Custodian, rotate
from idp.store.clock import server_time

logger = logging.getLogger("motcua.jobs")

CLOCK_DIFFERENCE: Final = 60
"""Seconds by which a worker's clock may differ from the database's; beyond it the worker leaves keys alone."""


async def rotate_keys(custodian: Custodian) -> None:
    """Look whether a key is due.

    A worker whose clock is not the database's leaves it to the others: a clock that has jumped must not age keys.
    """
    context = custodian.context
    if abs(await server_time(context.db) - context.now) > CLOCK_DIFFERENCE:
        logger.error("the clock of this worker is not the database's: it does not rotate keys")
        return
    plan = await rotate(custodian)
    for event in plan.events if plan is not None else ():
        logger.info("key %s %s", event["kid"], event["event"])
