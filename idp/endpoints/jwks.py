"""The key set (RFC 7517 §5), the one document that every portal keeps and asks for again."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.agent_family import agent_family
from idp.http.cors import FOR_EVERYBODY
from idp.http.forms import read_query
from idp.http.refusal import Refusal
from idp.http.responses import Answer
from idp.oidc.key_sightings import Fetcher
from keys.keyring import PreparedJwks

ASSERTION: Final = "client_assertion"


async def get(request: Request, here: Surroundings) -> Answer:
    """The public keys, the same for everybody. Who has them now is noted; it decides nothing about the answer.

    A shared cache may keep them (RFC 9111 §3.5), but for a signed query: that one is for us, and what another's cache
    answers we never see. Nothing is negotiated, so there is no `Vary`. `must-revalidate`: the time that a portal keeps
    the set is how long a revoked key is still believed (RFC 9111 §5.2.2.2).
    """
    prepared = here.context.keyring.jwks()
    assertion = _assertion(request)
    if request.method == "GET":  # HEAD brings nobody any key
        _note(request, here, prepared, assertion)
    scope = "private" if assertion else "public"
    kept = {"cache-control": f"{scope}, max-age={prepared.max_age}, must-revalidate"}
    return responses.prepared(
        request, prepared.body, prepared.etag, max_age=prepared.max_age, headers=FOR_EVERYBODY | kept
    )


def _assertion(request: Request) -> str:
    """What was sent as a signature, good or bad: it is looked at later. Sent twice it is no signature."""
    if not request.scope["query_string"]:
        return ""
    try:
        sent = [value for name, value in read_query(request) if name == ASSERTION]
    except Refusal:
        return ""
    return sent[0] if len(sent) == 1 else ""


def _note(request: Request, here: Surroundings, prepared: PreparedJwks, assertion: str) -> None:
    context, sightings = here.context, here.shared.sightings
    headers = request.headers
    asked = headers.get("if-none-match")
    if asked is not None and asked.strip() == "*":
        return  # any set of ours is good enough: that does not tell which one is there (RFC 9110 §13.1.2)
    client_id = sightings.addresses.owner(context.address)
    if client_id:
        note_client(request, client_id)
    held = () if asked is None else sightings.old_sets(responses.entity_tags(asked), prepared)
    fetcher = Fetcher(client_id, agent_family(headers.get("user-agent", "")), context.network, held)
    sightings.fetched(prepared, fetcher, assertion, context.now)
