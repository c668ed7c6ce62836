"""Tables of the provider's own database, the same on PostgreSQL and SQLite.

Times are epoch seconds, digests 32 raw bytes, JSON is text. No table holds civil-status data: a person is an internal
id with a link to the population register. The database forbids the impossible; a comment says what a column means.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
)

from idp.store.schema_parts import digest_column as _digest
from idp.store.schema_parts import metadata
from idp.store.schema_parts import time_column as _time

clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("metadata", Text, nullable=False, comment="registered client metadata as JSON, RFC 7591 names"),
    _digest("secret_digest", "SHA-256 of a 256-bit random secret, where the method needs one"),
    _time("created_at", "when it was registered"),
    _time("disabled_at", "since when nothing is issued to it", nullable=True),
    Column("id_token_alg", Text, nullable=False, comment="of the metadata, for statements over many clients"),
    Column("access_token_alg", Text, nullable=False, comment="as id_token_alg"),
    Column("backchannel_logout_uri", Text, comment="as id_token_alg; NULL where logouts are not told"),
    Column("owner", Text, nullable=False, comment="as id_token_alg"),
    Column("name_key", Text, nullable=False, comment="what its name looks like; as id_token_alg"),
    Column("name_key_en", Text, nullable=False, comment="as name_key, of its English name"),
    Column("browser_origins", Text, comment="as id_token_alg, space separated; NULL but for browser clients"),
    CheckConstraint("secret_digest IS NULL OR length(secret_digest) = 32", name="secret_digest_length"),
)

versions = Table(
    "versions",
    metadata,
    Column("name", Text, primary_key=True, comment="what is cached by the workers: clients, keys"),
    Column(
        "version", BigInteger, nullable=False, comment="raised by every change; workers reload when it moves"
    ),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True, comment="internal UUID; never leaves us, never changes"),
    Column("register_record_id", Text, nullable=False, unique=True, comment="key of the population register"),
    Column("ial", Text, nullable=False, comment="account level of Decree 69/2024: 01 or 02"),
    _time("created_at", "when an officer opened it"),
    _time("activated_at", "when the person first set a credential", nullable=True),
    _time("locked_at", "since when it is locked", nullable=True),
    Column("lock_reason", Text, comment="why it is locked, an id of the closed list"),
    CheckConstraint("ial IN ('01', '02')", name="ial_known"),
    CheckConstraint("(locked_at IS NULL) = (lock_reason IS NULL)", name="lock_has_reason"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id"), primary_key=True),
    Column("kind", Text, primary_key=True, comment="password"),
    Column("verifier", Text, nullable=False, comment="Argon2id hash in PHC format"),
    _time("changed_at", "when the person set it"),
    CheckConstraint("kind IN ('password')", name="kind_known"),
)

activation_codes = Table(
    "activation_codes",
    metadata,
    _digest("code_digest", "keyed digest of the one-time code", primary_key=True),
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("issued_by", Text, nullable=False, comment="the officer who proofed the person"),
    _time("issued_at", "when it was issued"),
    _time("expires_at", "when it stops working"),
    _time("used_at", "when it was redeemed", nullable=True),
    _time("superseded_at", "when a newer code took its place", nullable=True),
)

known_browsers = Table(
    "known_browsers",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id"), primary_key=True),
    _digest("browser_digest", "SHA-256 of the browser cookie", primary_key=True),
    _time("known_since", "first login from it"),
    _time("seen_at", "last login from it"),
    CheckConstraint("length(browser_digest) = 32", name="browser_digest_length"),
)

throttle_buckets = Table(
    "throttle_buckets",
    metadata,
    Column(
        "bucket",
        Text,
        primary_key=True,
        comment="kind of path and a digest; no address or number in the clear",
    ),
    Column(
        "full_at_ms", BigInteger, nullable=False, comment="GCRA: theoretical arrival time; epoch milliseconds"
    ),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True, comment="the `sid` of OpenID Connect"),
    _digest("cookie_digest", "SHA-256 of the session cookie", nullable=False, unique=True),
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False, index=True),
    _time("auth_time", "when the person last proved who they are"),
    Column("amr", Text, nullable=False, comment="RFC 8176 methods, space separated"),
    Column("authentication_level", SmallInteger, nullable=False, comment="Decree 69/2024, 1 to 4"),
    _digest("browser_digest", "SHA-256 of the browser cookie", nullable=False),
    Column("browser_label", Text, nullable=False, comment="shown to the person, e.g. Chrome, Android"),
    _time("created_at", "when it was opened"),
    _time("seen_at", "last use, to within a minute"),
    _time("expires_at", "when it ends at the latest"),
    _time("ended_at", "when it was ended", nullable=True),
    Column("end_reason", Text, comment="logout, person, staff, lock, register, replaced, expired"),
    Column(
        "check_at",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="before this it cannot have expired for lack of use; moved on lazily, not by a use; epoch seconds",
    ),
    CheckConstraint("authentication_level BETWEEN 1 AND 4", name="authentication_level_range"),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="end_has_reason"),
)

# Of sessions that have not ended. A use changes no indexed column, so that PostgreSQL rewrites no index for it.
Index(
    "ix_sessions_check_at",
    sessions.c.check_at,
    sessions.c.session_id,
    postgresql_where=sessions.c.ended_at.is_(None),
    sqlite_where=sessions.c.ended_at.is_(None),
)

session_clients = Table(
    "session_clients",
    metadata,
    Column("session_id", Text, ForeignKey("sessions.session_id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column(
        "acting_for",
        Text,
        comment="organisation record acted for at this client; '' for oneself; NULL while nobody asked",
    ),
    _time("first_at", "first token for this client in the session"),
)

interactions = Table(
    "interactions",
    metadata,
    Column("interaction_id", Text, primary_key=True),
    _digest("browser_digest", "SHA-256 of the browser cookie that may go on with it", nullable=False),
    Column("client_id", Text, comment="NULL where the person came to our own pages"),
    Column(
        "request",
        Text,
        nullable=False,
        comment="the authorization request, or our own page asked for, as JSON",
    ),
    Column("session_id", Text, comment="the session that logged in, or confirmed itself, within it"),
    Column("acting_for", Text, comment="organisation record chosen; '' for oneself; NULL while not chosen"),
    _time("confirmed_at", "when the person pressed that they began this themselves", nullable=True),
    _time("created_at", "when the request arrived"),
    _time("expires_at", "when it is stale"),
    _time("finished_at", "when its answer was sent", nullable=True),
)

grants = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True, comment="one authorization and all tokens that come from it"),
    _digest("code_digest", "SHA-256 of the authorization code", nullable=False, unique=True),
    Column("client_id", Text, nullable=False),
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False),
    Column("session_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False, comment="as sent; must be repeated at the token endpoint"),
    Column("code_challenge", Text, comment="RFC 7636 S256; NULL where the profile can do without"),
    Column("nonce", Text),
    Column("scope", Text, nullable=False, comment="granted scope, space separated"),
    Column("claims", Text, nullable=False, comment="granted claims for UserInfo and ID token as JSON"),
    Column("resources", Text, nullable=False, server_default="", comment="RFC 8707, space separated"),
    Column(
        "authorization_details", Text, nullable=False, server_default="", comment="RFC 9396, JSON, as granted"
    ),
    Column("dpop_jkt", Text, comment="thumbprint of the key that the code is bound to (RFC 9449 §10)"),
    _time("auth_time", "of the session at that moment"),
    Column("amr", Text, nullable=False),
    Column("authentication_level", SmallInteger, nullable=False),
    Column("acting_for", Text, nullable=False, comment="organisation record; '' for oneself"),
    _time("created_at", "when the code was issued"),
    _time("code_expires_at", "when the code stops working"),
    _time("code_used_at", "when the code was redeemed", nullable=True),
    _time("revoked_at", "since when nothing from it works", nullable=True),
    Column("revoke_reason", Text, comment="code_replay, refresh_replay, client, person, staff, key_revoked"),
    _time("expires_at", "when no token of it can be alive any more"),
    CheckConstraint("length(code_digest) = 32", name="code_digest_length"),
    CheckConstraint("(revoked_at IS NULL) = (revoke_reason IS NULL)", name="revoke_has_reason"),
    Index("ix_grants_account_id_client_id", "account_id", "client_id"),
    Index("ix_grants_expires_at", "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("grant_id", Text, ForeignKey("grants.grant_id", ondelete="CASCADE"), primary_key=True),
    _digest("family_digest", "SHA-256 of the part of the token that stays", nullable=False, unique=True),
    _digest("current_digest", "SHA-256 of the token that may be used next", nullable=False),
    _digest("previous_digest", "SHA-256 of the token used last"),
    _digest("successor_sealed", "the current token, sealed under the previous one, for a lost response"),
    Column("dpop_jkt", Text, comment="thumbprint of the key that a public client must prove (RFC 9449 §5)"),
    _time("rotated_at", "when the previous one was used", nullable=True),
    _time("idle_expires_at", "when the current one stops working for lack of use"),
    _time("expires_at", "when the family ends"),
    CheckConstraint("length(current_digest) = 32", name="current_digest_length"),
)

revoked_access_tokens = Table(
    "revoked_access_tokens",
    metadata,
    Column("jti", Text, primary_key=True),
    _time("expires_at", "when the token would have expired anyway"),
)

used_jtis = Table(
    "used_jtis",
    metadata,
    _digest("jti_digest", "SHA-256 of whose it is and the jti: of assertions, DPoP proofs", primary_key=True),
    _time("expires_at", "when it would be refused anyway"),
)

consents = Table(
    "consents",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id"), primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column(
        "basis",
        Text,
        nullable=False,
        comment="statutory_task: a notice was shown; consent: the person agreed",
    ),
    _digest("asked_digest", "SHA-256 of exactly what was asked or shown", nullable=False),
    Column("asked", Text, nullable=False, comment="what was asked or shown, as JSON"),
    Column("claims", Text, nullable=False, comment="claims agreed to, as a JSON list"),
    _time("given_at", "when"),
    _time("withdrawn_at", "when the person took it back", nullable=True),
    CheckConstraint("basis IN ('statutory_task', 'consent')", name="basis_known"),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("event_id", Text, primary_key=True, comment="UUIDv7: sorts by time"),
    _time("at", "when it happened"),
    Column("kind", Text, nullable=False, comment="an id of idp.audit.events"),
    Column("outcome", Text, nullable=False, comment="ok, or the reason why not"),
    Column("account_id", Text),
    Column("client_id", Text),
    Column("session_id", Text),
    Column("grant_id", Text),
    Column("request_id", Text, nullable=False),
    Column("network", Text, nullable=False, comment="client address cut to its network"),
    Column("details", Text, nullable=False, comment="further facts as JSON; no secret, no personal number"),
)
Index(
    "ix_audit_events_account_id",
    audit_events.c.account_id,
    audit_events.c.event_id,
    postgresql_where=audit_events.c.account_id.is_not(None),
    sqlite_where=audit_events.c.account_id.is_not(None),
)

logout_outbox = Table(
    "logout_outbox",
    metadata,
    Column(
        "cause_id", Text, primary_key=True, comment="the ending, or the incident, that it is told because of"
    ),
    Column("session_id", Text, primary_key=True, comment="the `sid` of the logout token"),
    Column("client_id", Text, primary_key=True, comment="the portal that is told"),
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False),
    Column("state", Text, nullable=False, comment="waiting, delivered, failed"),
    Column("attempts", SmallInteger, nullable=False, comment="begun so far; also tells whose attempt it is"),
    _time("next_attempt_at", "when it is due; while an attempt goes on, when that is given up for dead"),
    Column("last_error", Text, comment="why the last attempt did not succeed, an id of a closed list"),
    _time("created_at", "when the session ended"),
    _time("delivered_at", "when the portal accepted it", nullable=True),
    CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state_known"),
    CheckConstraint("(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_has_time"),
    CheckConstraint("state <> 'failed' OR last_error IS NOT NULL", name="failed_has_error"),
    Index("ix_logout_outbox_created_at", "created_at"),
)
Index(
    "ix_logout_outbox_waiting",
    logout_outbox.c.client_id,
    logout_outbox.c.next_attempt_at,
    postgresql_where=logout_outbox.c.state == "waiting",
    sqlite_where=logout_outbox.c.state == "waiting",
)

key_incidents = Table(
    "key_incidents",
    metadata,
    Column("incident_id", Text, primary_key=True),
    Column("id_token_alg", Text, nullable=False, comment="'' where the key did not sign ID tokens"),
    Column("access_token_alg", Text, nullable=False, comment="'' where the key did not sign access tokens"),
    _time("from_at", "since when the key may have been in other hands"),
    _time("until_at", "when every worker had ceased to sign with it"),
    Column("reason", Text, nullable=False, comment="stands in the grants that are revoked"),
    _time("created_at", "when the key was revoked"),
    _time("walk_began_at", "when the present walk over all grants began"),
    Column("after_grant_id", Text, nullable=False, comment="grants up to here have been looked at before"),
    Column("upto_grant_id", Text, comment="end of the stretch looked at last; NULL at the end of the walk"),
    Column("grants_revoked", BigInteger, nullable=False),
    _time("finished_at", "when no grant was left", nullable=True),
)

job_leases = Table(
    "job_leases",
    metadata,
    Column("job", Text, primary_key=True),
    Column("holder", Text, nullable=False, comment="the worker process that runs it"),
    _time("expires_at", "when another worker may take it"),
)
for _table, _column in (
    (interactions, "expires_at"), (revoked_access_tokens, "expires_at"), (used_jtis, "expires_at"),
    (activation_codes, "expires_at"), (sessions, "expires_at"),
):  # fmt: skip
    Index(f"ix_{_table.name}_{_column}", _table.c[_column])
