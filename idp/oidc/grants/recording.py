"""The audit events of the token endpoint: what a grant gave, and what it was refused and why."""

from __future__ import annotations

from idp.audit.events import OK, Kind, record
from idp.context import Context
from idp.errors import OAuthError
from idp.oidc.client import Client
from idp.store.database import Step
from idp.store.grants import Grant


def issued(context: Context, client: Client, grant: Grant, *, grant_type: str, **details: object) -> Step:
    """Tokens for this client; `grant` is what they stand on, which may be another client's (RFC 8693)."""
    return record(
        context,
        Kind.TOKEN,
        OK,
        account_id=grant.account_id,
        client_id=client.client_id,
        session_id=grant.session_id,
        grant_id=grant.grant_id,
        grant_type=grant_type,
        **details,
    )


def refused(
    context: Context,
    client: Client,
    error: OAuthError,
    *,
    grant_type: str,
    grant_id: str | None,
    account_id: str | None = None,
) -> Step:
    """No tokens; the reason is the one for our log, where there is one."""
    return record(
        context,
        Kind.TOKEN,
        error.error,
        account_id=account_id,
        client_id=client.client_id,
        grant_id=grant_id,
        grant_type=grant_type,
        why=error.detail or error.description,
    )
