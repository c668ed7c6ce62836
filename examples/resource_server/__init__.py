"""The door of a protected API, for Starlette and whatever speaks ASGI: copy this folder into your project.

It believes access tokens of one provider and nothing else, and it is closed: what a route does not ask for in so many
words, it does not get, and what cannot be checked is refused. It needs PyJWT, cryptography, httpx2 and Starlette.

    guard = Guard(Api(issuer="https://sso.example.gov.vn", audience="https://api.example.vn", address="https://api.example.vn"))
    routes = [
        Route("/dossiers", dossiers, middleware=asks(guard, Needs(scope="dossiers"))),
        Route("/extracts", extracts, middleware=asks(guard, Needs(level=2, max_age=900))),
        Route("/health", health),
    ]
    app = Starlette(routes=closed(routes, but=["/health"]))
"""

from .access import Access
from .certificate import ClientCertificates
from .guard import Api, Guard
from .middleware import Protected, UnprotectedRoute, access_of, asks, closed
from .needs import Needs
from .refusal import Refused, Unavailable
from .replays import MemoryReplays
from .signing_keys import SigningKeys, fetch_key_set

__all__ = [
    "Access",
    "Api",
    "ClientCertificates",
    "Guard",
    "MemoryReplays",
    "Needs",
    "Protected",
    "Refused",
    "SigningKeys",
    "Unavailable",
    "UnprotectedRoute",
    "access_of",
    "asks",
    "closed",
    "fetch_key_set",
]
