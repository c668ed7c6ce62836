"""Every address we answer at: one literal table. The protocol's addresses are those of the metadata document."""

from __future__ import annotations

from typing import Final

from idp.endpoints import (
    account,
    account_authenticator,
    account_requests,
    activate,
    authorization,
    backchannel_authentication,
    device,
    device_authorization,
    front,
    interaction,
    interaction_confirm,
    interaction_consent,
    interaction_second_factor,
    introspection,
    jwks,
    key_log,
    logo,
    logout,
    metadata,
    pushed_authorization,
    registration,
    revocation,
    token,
    userinfo,
)
from idp.endpoints.cross_origin import by_browser_clients, by_everybody
from idp.endpoints.surroundings import Surroundings
from idp.http import health, static
from idp.http.routing import Route, api, json, page
from idp.oidc.discovery import ENDPOINTS, WELL_KNOWN

ROUTES: Final[tuple[Route[Surroundings], ...]] = (
    page(ENDPOINTS["authorization_endpoint"], GET=authorization.get, POST=authorization.post),
    api(
        ENDPOINTS["pushed_authorization_request_endpoint"],
        **by_browser_clients(POST=pushed_authorization.post),
    ),
    api(ENDPOINTS["token_endpoint"], **by_browser_clients(POST=token.post)),
    api(ENDPOINTS["userinfo_endpoint"], **by_browser_clients(GET=userinfo.get, POST=userinfo.post)),
    json(ENDPOINTS["jwks_uri"], **by_everybody(GET=jwks.get)),
    api(ENDPOINTS["revocation_endpoint"], **by_browser_clients(POST=revocation.post)),
    api(ENDPOINTS["device_authorization_endpoint"], POST=device_authorization.post),
    api(ENDPOINTS["backchannel_authentication_endpoint"], POST=backchannel_authentication.post),
    api(ENDPOINTS["introspection_endpoint"], POST=introspection.post),
    page(ENDPOINTS["end_session_endpoint"], GET=logout.get, POST=logout.post),
    api(ENDPOINTS["registration_endpoint"], POST=registration.post),
    api(registration.CONFIGURATION, GET=registration.get, PUT=registration.put, DELETE=registration.delete),
    *(json(path, **by_everybody(GET=metadata.metadata)) for path in WELL_KNOWN),
    json(key_log.CHECKPOINT, **by_everybody(GET=key_log.checkpoint)),
    json(key_log.TILES, **by_everybody(GET=key_log.tile)),
    page("/interaction/{interaction_id}", GET=interaction.get),
    page("/interaction/{interaction_id}/login", POST=interaction.post_login),
    page("/interaction/{interaction_id}/second-factor", POST=interaction_second_factor.post_second_factor),
    page("/interaction/{interaction_id}/representation", POST=interaction.post_representation),
    page("/interaction/{interaction_id}/consent", POST=interaction_consent.post_consent),
    page("/interaction/{interaction_id}/confirm", POST=interaction_confirm.post_confirm),
    page("/interaction/{interaction_id}/cancel", POST=interaction.post_cancel),
    page(device.PATH, GET=device.get, POST=device.post),
    page(device.SIGN_IN_PATH, GET=device.sign_in),
    page(activate.PATH, GET=activate.get, POST=activate.post),
    page(activate.PASSWORD_PATH, GET=activate.get_password, POST=activate.post_password),
    page(account.PATH, GET=account.get),
    page(account_authenticator.PATH, GET=account_authenticator.get),
    page(account_requests.PATH, GET=account_requests.get, POST=account_requests.post),
    page("/account/authenticator/begin", POST=account_authenticator.post_begin),
    page("/account/authenticator/confirm", POST=account_authenticator.post_confirm),
    page("/account/authenticator/when", POST=account_authenticator.post_when),
    page("/account/authenticator/remove", POST=account_authenticator.post_remove),
    page("/account/sessions/end", POST=account.post_end_session),
    page("/account/sessions/end-others", POST=account.post_end_others),
    page("/account/consents/withdraw", POST=account.post_withdraw),
    json(logo.PATH, GET=logo.get),
    page("/", GET=front.front),
    json(static.PATH, GET=front.static),
    json(health.LIVE, GET=front.live),
    json(health.READY, GET=front.ready),
)
