"""A person lets in a client that waits elsewhere: a device (RFC 8628 §3.3), a portal's counter (CIBA Core §8).

The client gets a session of its own, which the person sees on the account page and can end: the browser in which they
agreed is another thing, and may be ended at once. The grant waits, with no code but the secret that the client holds.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

from idp.context import Context
from idp.interaction.conversation import Errand
from idp.interaction.issue import Settled, approval, keep_answer, new_grant
from idp.interaction.steps import Situation
from idp.oidc.polling import grant_code_digest
from idp.store import grants, sessions
from idp.store.awaiting import Awaiting
from idp.store.database import Step
from idp.store.sessions import Session


async def approve_elsewhere(
    context: Context, errand: Errand, situation: Situation, settled: Settled, **details: object
) -> None:
    """Keep the grant for the client that waits, and let it in, in one write with the end of the interaction.

    `details` go into the audit event.

    Raises:
        PageError: the interaction was finished, the client answered otherwise, or the person's session ended, in the
            meantime.
    """
    session, awaiting = situation.session, errand.target
    if session is None or not isinstance(awaiting, Awaiting):
        raise AssertionError("a client that waits elsewhere is let in by a person")
    granted = new_grant(context, errand, situation, settled, awaiting.expires_at)
    grant = replace(granted, session_id=str(uuid.uuid4()))
    chosen = settled.acting_for if situation.demands.organisation else None
    kept = (
        sessions.still_open(session, context.now),
        awaiting.answers.approve(awaiting.digest, grant.grant_id, context.now),
        *settled.also,
        _session_elsewhere(context, errand, session, grant.session_id),
        sessions.join_client(grant.session_id, grant.client_id, chosen, context.now),
        grants.add(grant, grant_code_digest(awaiting)),
        approval(context, grant, settled, approved_in=session.session_id, **details),
    )
    await keep_answer(context, kept, (), settled.interaction)


def _session_elsewhere(context: Context, errand: Errand, session: Session, session_id: str) -> Step:
    return sessions.add(
        session_id=session_id,
        cookie_digest=os.urandom(32),  # no browser holds a cookie of this digest
        account_id=session.account_id,
        amr=session.amr,
        authentication_level=session.authentication_level,
        browser_digest=session.browser_digest,
        browser_label=errand.client.names["vi"],
        now=context.now,
    )
