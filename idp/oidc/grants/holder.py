"""Who stands behind a grant, and whether what it gave still works."""

from __future__ import annotations

from dataclasses import dataclass

from idp.assurance import AccountLevel
from idp.context import Context
from idp.errors import InvalidGrant
from idp.oidc.authorization_details.granting import alive, find_lack
from idp.oidc.authorization_details.request import kept_details
from idp.oidc.grants.tokens import Holder
from idp.registers.business import find_representation
from idp.registers.calendar import today
from idp.registers.population import find_person
from idp.registers.standing import OrganisationStanding, Standing, organisation_standing, standing
from idp.registers.types import Representation
from idp.store import grants
from idp.store.grants import Grant, LiveGrant


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant that works now, with its person as the registers state them now."""

    grant: Grant
    holder: Holder


async def find_holder(context: Context, grant_id: str, *, jti: str = "") -> HeldGrant:
    """The grant and its holder, if neither the grant, the session, the account nor the registers forbid it.

    Raises:
        InvalidGrant: they do; the reason is for our log.
    """
    return await _held(context, await grants.find_live(context.db, grant_id, context.now, jti=jti))


async def find_first_holder(context: Context, grant_id: str) -> HeldGrant:
    """As `find_holder`, for whoever burnt the code: of many uses at once exactly one gets an answer.

    A replay since then revokes what is given here; it is no reason to give nothing.

    Raises:
        InvalidGrant: as `find_holder`.
    """
    return await _held(context, await grants.find_burnt(context.db, grant_id, context.now))


async def _held(context: Context, live: LiveGrant | None) -> HeldGrant:
    if live is None:
        raise InvalidGrant("the grant is revoked, or its session has ended", detail="grant not live")
    person = await find_person(context.registers, live.register_record_id)
    state = Standing.MISSING if person is None else standing(person, today(context.now))
    if person is None or state is not Standing.OK:
        raise InvalidGrant("the person's account cannot be used now", detail=f"standing {state}")
    representation = await _acted_for(context, live)
    in_force = alive(kept_details(live.grant.authorization_details), context.now)
    lack = find_lack(in_force, representation)
    if lack is not None:
        raise InvalidGrant("the registers allow no more what was granted", detail=f"details: {lack}")
    return HeldGrant(live.grant, Holder(person, AccountLevel(live.ial), representation))


async def _acted_for(context: Context, live: LiveGrant) -> Representation | None:
    """The organisation that a grant acts for; a representative who was replaced, or a dissolved one, ends it."""
    acting_for = live.grant.acting_for
    if not acting_for:
        return None
    found = await find_representation(
        context.registers, live.register_record_id, acting_for, today(context.now)
    )
    if found is None or organisation_standing(found.organisation) is OrganisationStanding.DISSOLVED:
        raise InvalidGrant(
            "the person may not act for this organisation any more", detail="representation ended"
        )
    return found
