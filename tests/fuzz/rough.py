"""Requests that no document describes: broken octets, twice, too long, too deep, cut off."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from hypothesis import strategies as st

from idp.endpoints.routes import ROUTES
from tests.fuzz.document import COOKIES, HEADERS, VALUES
from tests.fuzz.wire import Sent

FORM: Final = b"application/x-www-form-urlencoded"
_PATHS: Final = sorted({re.sub(r"\{\w+(:\w+)?\}", "zz-interaction-zz", route.path) for route in ROUTES})
_METHODS: Final = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "get",
    "P\u00d6ST",
)
_NAMES: Final = sorted(VALUES)
_PLAUSIBLE: Final = sorted({value for values in VALUES.values() for value in values})

_octets = st.binary(max_size=40)
_name = st.sampled_from(_NAMES).map(str.encode) | _octets
_value = st.one_of(
    st.sampled_from(_PLAUSIBLE).map(lambda text: text.encode("utf-8", "surrogatepass")),
    _octets,
    st.sampled_from([
        b"%", b"%zz", b"%00", b"\0", b"%ff", b"\xff", b"%ed%a0%80", b"+", b"&", b"=", b"\r\n", b"x" * 5_000,
    ]),
)  # fmt: skip
_pair = st.tuples(_name, _value).map(b"=".join)
_pairs = st.lists(_pair, max_size=12).map(b"&".join)
_twice = st.tuples(_pair, st.integers(2, 120)).map(lambda drawn: b"&".join([drawn[0]] * drawn[1]))
_separated = st.lists(_pair, max_size=6).map(b";".join)
_form = st.one_of(_pairs, _twice, _separated, _octets)

_brackets = st.sampled_from([(b"[", b"]"), (b'{"a":', b"}"), (b'{"jwks":{"keys":[', b"]}}")])
_deep = st.tuples(_brackets, st.integers(1, 20_000)).map(
    lambda drawn: drawn[0][0] * drawn[1] + b"1" + drawn[0][1] * drawn[1]
)
_leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
_keys = st.sampled_from(_NAMES) | st.text(max_size=8)
_json = st.one_of(
    _deep,
    st.recursive(
        _leaf, lambda one: st.lists(one, max_size=4) | st.dictionaries(_keys, one, max_size=4), max_leaves=12
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([
        b'{"a":1,"a":2}', b'{"a":"\\ud800"}', b'{"a":1e999}', b"\xef\xbb\xbf{}", b'{"a":"\0"}', b"9" * 60_000,
        b"{" * 60_000,
    ]),
)  # fmt: skip
_giant = st.sampled_from([b"a=" + b"x" * 65_000, b"a=" + b"x" * 70_000, b"\0" * 66_000, b"a&" * 32_000])
_body = st.one_of(st.just(b""), _form, _form, _json, _giant, st.binary(max_size=200))

_KNOWN_HEADERS: Final = [
    (name.lower().encode(), value.encode("latin-1", "replace"))
    for name, values in HEADERS.items()
    for value in values
]
_KNOWN_COOKIES: Final = [
    (b"cookie", f"{name}={value}".encode()) for name, values in COOKIES.items() for value in values
]
_header_name = st.sampled_from([
    b"authorization", b"cookie", b"content-type", b"content-encoding", b"content-length", b"transfer-encoding",
    b"accept", b"accept-language", b"origin", b"if-none-match", b"x-forwarded-for", b"x-forwarded-host", b"forwarded",
    b"x-request-id", b"user-agent", b"range", b"expect", b"upgrade", b"sec-fetch-site", b"host", b"dpop",
    b"x-http-method-override",
])  # fmt: skip
_header_value = _octets | st.sampled_from([
    b"", b"gzip", b"-1", b"chunked", b"a" * 9_000, b"bytes=0-1", b"=;=;", b'"', b"q=1;" * 400, b"Basic " + b"/" * 999,
])  # fmt: skip
_header = st.one_of(
    st.sampled_from(_KNOWN_HEADERS), st.sampled_from(_KNOWN_COOKIES), st.tuples(_header_name, _header_value)
)
_kind = st.sampled_from([
    FORM, FORM, FORM, FORM + b"; charset=utf-8", b"application/json", b"application/json", b"text/plain",
    b"multipart/form-data; boundary=x", b"application/json; charset=utf-16", b"", b"\xff",
])  # fmt: skip
_known_path = st.sampled_from(_PATHS).map(str.encode)
_ending = st.sampled_from([
    b"/", b"//", b"/..", b";x.css", b"%00", b"%2f", b".json", b"\xff", b"/%2e%2e/", b"x" * 2_000,
])  # fmt: skip
_path = st.one_of(
    _known_path,
    _known_path,
    st.tuples(_known_path, _ending).map(b"".join),
    st.binary(max_size=30).map(lambda rest: b"/" + rest),
)


@st.composite
def requests(draw: Any) -> Sent:
    """Any request at all; what stands for a live value is still to be filled in."""
    headers = [*draw(st.lists(_header, max_size=6)), (b"content-type", draw(_kind))]
    return Sent(
        method=draw(st.sampled_from(_METHODS)),
        path=draw(_path),
        query=draw(st.one_of(st.just(b""), _form, _giant) if draw(st.booleans()) else st.just(b"")),
        headers=tuple(headers),
        body=draw(_body),
        chunks=draw(st.sampled_from([1, 1, 1, 3, 50])),
        goes_away=draw(st.integers(0, 9)) == 0,
    )
