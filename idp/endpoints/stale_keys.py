"""Notes which client presents tokens of ours whose key signs no more; it decides nothing."""

from __future__ import annotations

from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidRequest
from idp.oidc.hint import opened_hint
from keys.keyring import Keyring
from keys.policy import Purpose


def _opened(keyring: Keyring, hint: str) -> str:
    """The ID token in a hint; what nobody can open tells nothing."""
    try:
        return opened_hint(keyring, hint)
    except InvalidRequest:
        return ""


def note_stale_key(
    here: Surroundings, token: str, purpose: Purpose, kind: str, *, presented_by: str = ""
) -> None:
    """Look at a token that was presented, good or bad. `presented_by` is a proven client; else the token's own counts.

    `kind` is that of `idp.store.readiness.StaleUse`.
    """
    context, shared = here.context, here.shared
    shown = _opened(context.keyring, token) if purpose is Purpose.ID_TOKEN else token
    stale = shared.stale_tokens.find(context.keyring, shown, purpose, context.now)
    if stale is not None:
        client_id = presented_by or stale.client_id
        shared.sightings.showed_stale_key(client_id, kind, stale.kid, context.now)
