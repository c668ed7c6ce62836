"""Which requests of portals are for the person who is here (CIBA Core §8): found from their side, not the portals'."""

from __future__ import annotations

from idp.context import Context
from idp.oidc.backchannel_request import digests_of
from idp.registers.population import find_numbers
from idp.store import backchannel_requests
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.sessions import Session


async def waiting_requests(context: Context, session: Session) -> list[BackchannelRequest]:
    """What waits for this person's answer, the newest first of each way to ask for them."""
    sectors = await backchannel_requests.sectors(context.db, context.now)
    digests = await _digests(context, session, sectors)
    return await backchannel_requests.waiting_for(context.db, session.account_id, digests, context.now)


async def is_about(context: Context, asked: BackchannelRequest, session: Session) -> bool:
    """Whether a request is for this person."""
    sectors = [] if asked.sector is None else [asked.sector]
    return asked.person_digest in await _digests(context, session, sectors)


async def _digests(context: Context, session: Session, sectors: list[str]) -> tuple[bytes, ...]:
    numbers = await find_numbers(context.registers, session.register_record_id)
    return digests_of(context.keyring, (span.number for span in numbers), session.account_id, sectors)
