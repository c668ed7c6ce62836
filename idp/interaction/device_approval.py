"""The end of a conversation about a device: it is let in, and finds its tokens when it asks next (RFC 8628 §3.5).

The device is given a session of its own. It ends with its tokens, or at the person's `/account`; signing out of the
browser in which the person approved, perhaps somebody else's telephone, leaves the device alone.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import replace

from idp.context import Context
from idp.interaction.conversation import Errand
from idp.interaction.issue import Settled, approval, keep_answer, new_grant
from idp.interaction.steps import Situation
from idp.oidc.device_code import grant_code_digest
from idp.store import device_codes, grants, sessions
from idp.store.database import Step
from idp.store.device_codes import DeviceAuthorization
from idp.store.sessions import Session


async def approve_device(context: Context, errand: Errand, situation: Situation, settled: Settled) -> None:
    """Keep the grant for the device and let it in, in one write with the end of the interaction.

    Raises:
        PageError: the interaction was finished, the device answered otherwise, or the person's session ended, in the
            meantime.
    """
    session, device = situation.session, errand.target
    if session is None or not isinstance(device, DeviceAuthorization):
        raise AssertionError("a device is let in by a person")
    granted = new_grant(context, errand, session, settled)
    grant = replace(
        granted,
        session_id=str(uuid.uuid4()),
        code_expires_at=device.expires_at,
        expires_at=granted.expires_at + device.expires_at - granted.code_expires_at,
    )
    chosen = settled.acting_for if situation.demands.organisation else None
    kept = (
        sessions.still_open(session, context.now),
        device_codes.approve(device.device_digest, grant.grant_id, context.now),
        *settled.also,
        _session_of_device(context, errand, session, grant.session_id),
        sessions.join_client(grant.session_id, grant.client_id, chosen, context.now),
        grants.add(grant, grant_code_digest(device.device_digest)),
        approval(context, grant, settled, device_network=device.network, approved_in=session.session_id),
    )
    await keep_answer(context, kept, (), settled.interaction)


def _session_of_device(context: Context, errand: Errand, session: Session, session_id: str) -> Step:
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
