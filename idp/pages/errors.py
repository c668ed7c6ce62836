"""The error pages: stable identifiers, what happened, what to do next, and one line for the developer of a portal."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idp.pages.i18n import Message, msg

_BACK_TO_SERVICE: Final = msg(
    "Go back to the service you came from and start again. If it happens again, tell the people who run that service "
    "and give them the code below."
)
_START_AGAIN: Final = msg("Go back to the service you came from and press sign in again. Nothing was lost.")


@dataclass(frozen=True, slots=True)
class ErrorText:
    """Texts of one error page; `technical` is for the developer of the portal, always in English."""

    title: Message
    happened: Message
    next: Message
    technical: str


ERROR_PAGES: Final[Mapping[str, ErrorText]] = MappingProxyType(
    {
        "stale_interaction": ErrorText(
            title=msg("This page has expired"),
            happened=msg("The page was open for a long time, or the sign-in went on in another tab."),
            next=_START_AGAIN,
            technical="The interaction is unknown or has expired.",
        ),
        "already_finished": ErrorText(
            title=msg("This step is already finished"),
            happened=msg("The sign-in that this page belongs to has been completed or stopped before."),
            next=msg(
                "If the service is open in another tab, go on there. Otherwise go back to the service and press "
                "sign in again."
            ),
            technical="The interaction was consumed before.",
        ),
        "unknown_client": ErrorText(
            title=msg("This service is not registered"),
            happened=msg(
                "A page sent you here to sign in, but we do not know it. Your information has not been given."
            ),
            next=msg(
                "Check the address of the page you came from. If it is the right one, tell the people who run it and "
                "give them the code below."
            ),
            technical="The client_id is missing or not registered.",
        ),
        "redirect_uri_mismatch": ErrorText(
            title=msg("This service cannot take you back"),
            happened=msg(
                "The service asked us to send you to an address that it has not registered. To protect you we have "
                "stopped here. Your information has not been given."
            ),
            next=_BACK_TO_SERVICE,
            technical="The redirect_uri is missing or is not exactly one of the registered ones.",
        ),
        "invalid_request": ErrorText(
            title=msg("The request of the service is not valid"),
            happened=msg(
                "The service sent a request that we could not understand. The mistake is not yours."
            ),
            next=_BACK_TO_SERVICE,
            technical="The authorization request is malformed or lacks a required parameter.",
        ),
        "invalid_request_object": ErrorText(
            title=msg("The request of the service is not valid"),
            happened=msg(
                "The service sent a request that we could not understand. The mistake is not yours."
            ),
            next=_BACK_TO_SERVICE,
            technical="The request object cannot be had, read or verified, and no redirect_uri stands beside it.",
        ),
        "invalid_request_uri": ErrorText(
            title=msg("This sign-in is over"),
            happened=msg(
                "Each link to sign in works once and for a short time. This one has been used, or its time is up."
            ),
            next=msg(
                "If you have signed in already, go on in the page of the service. Otherwise go back to the service and "
                "press sign in again."
            ),
            technical="The request_uri was answered before, has expired, or was given to another client_id.",
        ),
        "unanswerable": ErrorText(
            title=msg("We cannot answer this service now"),
            happened=msg(
                "The service wants our answers locked with a key of its own, and we cannot get that key. The mistake "
                "is not yours. Your information has not been given."
            ),
            next=_BACK_TO_SERVICE,
            technical="The key for authorization_encrypted_response_alg cannot be had from the client's jwks_uri.",
        ),
        "cookies_required": ErrorText(
            title=msg("Your browser does not keep cookies"),
            happened=msg(
                "A cookie is a small note that lets us recognise your browser until you have signed in."
            ),
            next=msg(
                "Allow cookies for this site in the settings of your browser, then go back to the service and press "
                "sign in again. A private window may also help."
            ),
            technical="The interaction's cookie did not come with the request.",
        ),
        "csrf_failed": ErrorText(
            title=msg("The form could not be accepted"),
            happened=msg(
                "The form was open for too long, or it was not sent from our own page. Nothing was changed."
            ),
            next=msg("Go back, load the page anew and fill in the form again."),
            technical="The csrf_token is missing, or belongs to another session.",
        ),
        "not_found": ErrorText(
            title=msg("This page does not exist"),
            happened=msg("The address may have been mistyped or shortened, or the page has been removed."),
            next=msg("Check the address, or go to the front page."),
            technical="No route has this path.",
        ),
        "method_not_allowed": ErrorText(
            title=msg("This page cannot be opened in this way"),
            happened=msg("The address is right, but it is meant for another step."),
            next=msg("Go back to the service you came from and start again."),
            technical="The path exists; the HTTP method is not allowed for it.",
        ),
        "too_large": ErrorText(
            title=msg("Too much was sent"),
            happened=msg("The form or the address holds more than we can accept. Nothing was changed."),
            next=_BACK_TO_SERVICE,
            technical="The request's head or body exceeds the limit.",
        ),
        "too_many_requests": ErrorText(
            title=msg("Please wait a moment"),
            happened=msg(
                "Many requests have come from your network in a short time. Your account is not locked."
            ),
            next=msg("Wait a few minutes, then try again."),
            technical="The rate limit of this network address was reached.",
        ),
        "busy": ErrorText(
            title=msg("Many people are signing in right now"),
            happened=msg("We cannot take your request this minute. Your information is safe."),
            next=msg("Wait a minute, then load this page again. There is no need to do anything else."),
            technical="The service is at its capacity or a part it needs is unavailable.",
        ),
        "server_error": ErrorText(
            title=msg("Something went wrong on our side"),
            happened=msg("The mistake is ours, not yours. It has been recorded and will be looked at."),
            next=msg(
                "Try again in a few minutes. If it happens again, call the help desk and read out the code below."
            ),
            technical="An unexpected error; the log has the details under the request's code.",
        ),
        "login_required_again": ErrorText(
            title=msg("Please sign in again"),
            happened=msg("You have been signed out, because the time was up or the session was ended."),
            next=msg("Sign in again to continue."),
            technical="The session has ended or does not satisfy the request.",
        ),
        "request_over": ErrorText(
            title=msg("This request waits no longer"),
            happened=msg("The service has asked anew, has been answered already, or its time is over."),
            next=msg("Look whether a new request waits for you."),
            technical="The backchannel authentication request waits no longer.",
        ),
        "device_code_over": ErrorText(
            title=msg("This code works no longer"),
            happened=msg(
                "The code of the device has been used or refused already, or its 15 minutes are over."
            ),
            next=msg(
                "Look at the device. If it is still waiting, let it show a new code and enter that one here."
            ),
            technical="The user code of the device belongs to no device that waits.",
        ),
        "client_disabled": ErrorText(
            title=msg("This service is closed for now"),
            happened=msg(
                "Signing in to this service has been switched off for now. Your account is not affected, and you can "
                "sign in to other services."
            ),
            next=msg("Try again later, or ask the agency that runs the service."),
            technical="The client is registered but disabled.",
        ),
        "logout_redirect_mismatch": ErrorText(
            title=msg("We cannot take you back to that address"),
            happened=msg(
                "The service asked us to send you, after signing out, to an address it has not registered."
            ),
            next=msg("You can close this page, or open the service by its usual address."),
            technical="The post_logout_redirect_uri is not exactly one of the client's registered ones.",
        ),
        "invalid_logout_hint": ErrorText(
            title=msg("The request to sign out is not valid"),
            happened=msg(
                "The service asked us to sign you out, but we could not verify its request. You are still signed in."
            ),
            next=msg("To sign out of everything, open your account page and end your sessions there."),
            technical="The id_token_hint or client_id could not be verified.",
        ),
    }
)
