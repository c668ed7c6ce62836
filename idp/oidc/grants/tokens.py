"""The tokens that a grant gives: what the token endpoint answers (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from idp.assurance import AccountLevel, AuthenticationLevel
from idp.context import Context
from idp.oidc.access_token import PersonAccess, access_token_claims, fresh_jti
from idp.oidc.authentication_event import AuthenticationEvent
from idp.oidc.authorization_details import granting
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.request import kept_details
from idp.oidc.claims.contacts import find_contacts
from idp.oidc.claims.release import Place, Release, RequestedClaims, released_claims
from idp.oidc.client import Client
from idp.oidc.encrypted_answer import encrypted
from idp.oidc.id_token import id_token_claims
from idp.oidc.resource import person_audience
from idp.oidc.scope import OPENID
from idp.oidc.sender import ClientRequest, Confirmation
from idp.oidc.subject import pairwise_subject
from idp.registers.calendar import today
from idp.registers.types import Person, Representation
from idp.store.grants import Grant
from keys.policy import Purpose


@dataclass(frozen=True, slots=True)
class Holder:
    """The person behind a grant, as the registers state them at this moment."""

    person: Person
    account_level: AccountLevel
    representation: Representation | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token request names of its grant, as it was sent, and what its sender has the token bound to.

    It names resources (RFC 8707 §2.2) and details (RFC 9396 §6).
    """

    resource: str
    authorization_details: str
    confirmation: Confirmation

    @classmethod
    def of(cls, asked: ClientRequest) -> Wanted:
        """Of a token request.

        Raises:
            InvalidDpopProof, InvalidRequest: the sender does not prove what the client's tokens are bound to.
        """
        form = asked.form
        return cls(form.get("resource", ""), form.get("authorization_details", ""), asked.confirmation)


NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


def narrow(grant: Grant, scope: tuple[str, ...]) -> Grant:
    """The grant as far as a part of its scope goes (RFC 6749 §6): no claim of a scope that was left out."""
    if scope == grant.scope:
        return grant
    claims = RequestedClaims.from_json(grant.claims).narrowed(grant.scope, scope)
    return replace(grant, scope=scope, claims=claims.to_json())


def authentication_event(grant: Grant) -> AuthenticationEvent:
    """The login that a grant rests on."""
    return AuthenticationEvent(
        auth_time=grant.auth_time,
        amr=grant.amr,
        level=AuthenticationLevel(grant.authentication_level),
        sid=grant.session_id,
    )


def subject_of(context: Context, client: Client, grant: Grant) -> str:
    """Who the person is to this client."""
    return pairwise_subject(context.keyring, client.sector, grant.account_id)


def release_of(context: Context, subject: str, grant: Grant, holder: Holder) -> Release:
    """The circumstances under which this grant releases claims now; `subject` is who the person is to the client."""
    return Release(
        subject=subject,
        today=today(context.now),
        account_level=holder.account_level,
        authentication_level=AuthenticationLevel(grant.authentication_level),
        representation=holder.representation,
    )


async def release_claims(
    context: Context, client: Client, grant: Grant, holder: Holder, *, place: Place, release: Release
) -> dict[str, object]:
    """What this grant gives in one place now; where it gives nothing, nothing is looked up.

    A client that has lost a scope, or its legal basis, is given no more of it, whatever was granted before.
    """
    granted = RequestedClaims.from_json(grant.claims)
    if not granted.at(place):
        return {}
    asked = granted.open_to(client)
    contacts = await find_contacts(context, grant.account_id, asked.at(place))
    told = replace(release, contacts=contacts) if contacts else release
    return released_claims(holder.person, asked, place, told)


def person_access(
    context: Context, client: Client, grant: Grant, holder: Holder, wanted: Wanted
) -> PersonAccess:
    """What an access token of a grant gives access to, as far as the token request names it.

    Raises:
        InvalidTarget: the grant, or the client's registration, does not reach the resources (RFC 8707 §2.2).
        InvalidAuthorizationDetails: nor the details (RFC 9396 §8).
    """
    audience = person_audience(wanted.resource, client, grant.resources, context.settings.issuer)
    granted = granting.open_to(granted_details(grant, holder, context.now), client)
    named = granting.narrowed(granted, wanted.authorization_details, context.now)
    details = granting.for_audience(named, audience, named=bool(wanted.authorization_details))
    return PersonAccess(
        grant_id=grant.grant_id,
        subject=subject_of(context, client, grant),
        audience=audience,
        scope=grant.scope,
        event=authentication_event(grant),
        representation=holder.representation,
        confirmation=wanted.confirmation,
        details=details,
        not_after=granting.first_end(details),
    )


def granted_details(grant: Grant, holder: Holder, now: int) -> tuple[Detail, ...]:
    """What was granted by type and is not over, with the organisation as the register states it now (RFC 9396 §7.1)."""
    kept = granting.alive(kept_details(grant.authorization_details), now)
    return granting.grant_details(kept, holder.representation)


async def sign_access_token(context: Context, client: Client, access: PersonAccess) -> str:
    """A fresh access token (RFC 9068)."""
    claims = access_token_claims(
        access, client, issuer=context.settings.issuer, jti=fresh_jti(), now=context.now
    )
    return await context.keyring.issue(
        Purpose.ACCESS_TOKEN, claims, alg=client.access_token_signed_response_alg
    )


async def sign_id_token(
    context: Context,
    client: Client,
    grant: Grant,
    holder: Holder,
    access: PersonAccess,
    *,
    nonce: str | None,
    told: Mapping[str, object] = NOTHING,
) -> str:
    """A fresh ID token of a grant, with the claims that were asked for in it and granted, and what else is `told`.

    It is of the same subject and the same login as the access token beside it. It is encrypted where the client
    registered so; the endpoint has equipped it with its keys.
    """
    release = release_of(context, access.subject, grant, holder)
    claims = id_token_claims(
        issuer=context.settings.issuer,
        client_id=client.client_id,
        subject=access.subject,
        subject_type=holder.person.subject_type,
        event=access.event,
        nonce=nonce,
        released={
            **await release_claims(context, client, grant, holder, place="id_token", release=release),
            **told,
        },
        now=context.now,
    )
    token = await context.keyring.issue(Purpose.ID_TOKEN, claims, alg=client.id_token_signed_response_alg)
    return encrypted(token, client, client.id_token_encryption)


async def token_response(
    context: Context,
    client: Client,
    grant: Grant,
    holder: Holder,
    *,
    nonce: str | None,
    refresh_token: str | None,
    wanted: Wanted,
    told: Mapping[str, object] = NOTHING,
) -> dict[str, object]:
    """The body of a successful token response. A refreshed ID token has no `nonce` (Core §12.2).

    Who refreshes for less than `openid` is given no ID token. `wanted` is what the token request names,
    `told` are further claims of the ID token.

    Raises:
        InvalidTarget, InvalidAuthorizationDetails: as `person_access`.
    """
    access = person_access(context, client, grant, holder, wanted)
    body: dict[str, object] = {
        "access_token": await sign_access_token(context, client, access),
        "token_type": wanted.confirmation.token_type,
        "expires_in": access.expires_at(context.now) - context.now,
        "scope": " ".join(grant.scope),
        **access.granted_details,
    }
    if OPENID in grant.scope:
        body["id_token"] = await sign_id_token(context, client, grant, holder, access, nonce=nonce, told=told)
    if refresh_token is not None:
        body["refresh_token"] = refresh_token
    return body
