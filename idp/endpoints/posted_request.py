"""An authorization request that came by POST, on its way through the browser to the same endpoint by GET.

What a client puts into a body it does not want in addresses, where histories and the logs of proxies keep it: a token
as a hint, a number in a request object or in `claims`. So it travels sealed, for a minute.
"""

from __future__ import annotations

from typing import Final

import orjson

from idp.context import Context
from idp.errors import PageError
from idp.http.forms import Parameters
from idp.http.limits import QUERY_BYTES
from idp.oidc.discovery import ENDPOINTS
from keys import base64url
from keys.policy import SecretPurpose
from keys.seal import SealBroken

PARAMETER: Final = "posted"
LIFETIME: Final = 60  # seconds; a browser follows at once
_PLACE: Final = b"authorization request"


def carrying_address(context: Context, pairs: Parameters) -> str:
    """The address that the browser is led to; empty where it would be longer than an address may be."""
    kept = orjson.dumps({"pairs": pairs, "until": context.now + LIFETIME})
    sealed = context.keyring.seal(SecretPurpose.INTERACTION, kept, aad=_PLACE)
    query = f"{PARAMETER}={base64url.encode_text(sealed)}"
    return f"{ENDPOINTS['authorization_endpoint']}?{query}" if len(query) <= QUERY_BYTES else ""


def carried(context: Context, pairs: Parameters) -> Parameters:
    """The request that an address carries; the address' own parameters where it carries none.

    Raises:
        PageError: it was not sealed here, or not lately.
    """
    sealed = [value for name, value in pairs if name == PARAMETER]
    if not sealed:
        return pairs
    try:
        kept = orjson.loads(
            context.keyring.unseal(SecretPurpose.INTERACTION, base64url.decode(sealed[0]), aad=_PLACE)
        )
    except (SealBroken, ValueError) as error:
        raise PageError(
            "stale_interaction", 410, detail="a posted request that was not sealed here"
        ) from error
    if kept["until"] <= context.now:
        raise PageError("stale_interaction", 410, detail="a posted request is over")
    return [(name, value) for name, value in kept["pairs"]]
