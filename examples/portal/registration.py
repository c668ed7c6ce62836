"""The portal's own key, and the file that the provider's operator registers it by.

The private key never leaves the portal: the provider is given the public half and recognises the portal by
signed assertions (`private_key_jwt`), so that there is no shared secret to leak.

    python -m examples.portal.registration portal.key.json    # makes a key, and prints its public half
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from examples.portal.settings import PortalSettings


def make_key(path: Path) -> ECKey:
    """The P-256 key kept at `path`, made and kept there on the first call, readable by its owner only."""
    if not path.exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(key.as_dict(private=True), file, indent=2)
    return read_key(path)


def read_key(path: Path) -> ECKey:
    """The key kept at `path` as a JSON Web Key (RFC 7517)."""
    return ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))


def client_metadata(settings: PortalSettings, key: ECKey) -> dict[str, Any]:
    """What the provider must know of this portal (RFC 7591 §2), ready for `motcua clients add`."""
    return {
        **settings.registration,
        "client_uri": settings.base_url,
        "redirect_uris": [settings.redirect_uri],
        "post_logout_redirect_uris": [settings.post_logout_redirect_uri],
        "backchannel_logout_uri": settings.backchannel_logout_uri,
        "backchannel_logout_session_required": True,
        **({"audience": [settings.api]} if settings.own_api else {}),
        "jwks": {"keys": [key.as_dict(private=False)]},
    }


if __name__ == "__main__":
    print(json.dumps(make_key(Path(sys.argv[1])).as_dict(private=False)))
