"""How fast strangers may ask for what we keep for them."""

from __future__ import annotations

from collections.abc import Sequence

from idp.context import Context
from idp.http.refusal import Refusal
from idp.store.throttle import Bucket, take_all


async def require_room(context: Context, path: Sequence[Bucket], why: str) -> None:
    """Count one more, and refuse it where there were too many.

    Raises:
        Refusal: 429 with the seconds to wait; `why` says of what there were too many.
    """
    wait = await take_all(context.db, path, context.now * 1000)
    if wait:
        seconds = str(-(-wait // 1000))
        raise Refusal(429, "too_many_requests", why, headers={"retry-after": seconds})
