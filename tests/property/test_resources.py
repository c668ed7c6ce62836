"""Whatever is registered, granted and asked for: no token is for more than each of them, and none is for nobody."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from idp.errors import InvalidTarget
from idp.oidc.resource import machine_audience, person_audience, requested_resources, within_grant
from tests.support.oidc_rules import ISSUER, client

CLIENT = client()
APIS = tuple(f"https://{name}.example" for name in "abcd")
_SOME = st.lists(st.sampled_from((*APIS, ISSUER)), max_size=5).map(tuple)
_TEXT = st.one_of(_SOME.map(" ".join), st.text(max_size=30))


@given(registered=_SOME, granted=_SOME, text=_TEXT)
def test_a_person_s_token(registered: tuple[str, ...], granted: tuple[str, ...], text: str) -> None:
    portal = replace(CLIENT, audience=registered)
    try:
        audience = person_audience(text, portal, granted, ISSUER)
    except InvalidTarget:
        return
    assert audience
    assert set(audience) <= {ISSUER, *registered}
    assert not granted or set(audience) <= {ISSUER, *granted}
    assert set(audience) <= set(text.split(" ")) if text else ISSUER in audience or bool(granted)
    assert set(audience) - {ISSUER} <= set(within_grant(portal, granted, ISSUER))


@given(registered=_SOME, text=_TEXT)
def test_a_machine_s_token_and_what_a_request_names(registered: tuple[str, ...], text: str) -> None:
    one = replace(CLIENT, audience=registered)
    for name, allowed in (
        (machine_audience, registered or (ISSUER,)),
        (requested_resources, (ISSUER, *registered)),
    ):
        try:
            audience = name(text, one, ISSUER)
        except InvalidTarget:
            continue
        assert set(audience) <= set(allowed)
        assert not text.strip(" ") or set(audience) == set(text.split(" ")) - {""}


@given(registered=_SOME, granted=_SOME)
def test_userinfo_is_never_reached_for_somebody(
    registered: tuple[str, ...], granted: tuple[str, ...]
) -> None:
    assert ISSUER not in within_grant(replace(CLIENT, audience=registered), granted, ISSUER)
