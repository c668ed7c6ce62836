"""The shapes of answers."""

from __future__ import annotations

from typing import Any

import pytest

from idp.http import responses
from idp.http.security_headers import content_security_policy, form_action_source
from idp.http.static import static_file
from idp.oidc.authorization_response import AuthorizationResponse, location
from idp.oidc.redirect_uri import RedirectTarget, ResponseMode
from idp.pages.views import Front


def headers_of(answer: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.raw_headers}


def _response(redirect_uri: str, mode: ResponseMode, **parameters: str) -> AuthorizationResponse:
    target = RedirectTarget(redirect_uri, mode, None, "client", "https://id.vn")
    return AuthorizationResponse(target, tuple(parameters.items()))


@pytest.mark.parametrize(
    ("redirect_uri", "address"),
    [
        ("https://a.vn/cb", "https://a.vn/cb?code=x%20y&iss=https%3A%2F%2Fid.vn"),
        ("https://a.vn/cb?b=1", "https://a.vn/cb?b=1&code=x%20y&iss=https%3A%2F%2Fid.vn"),
        ("vn.app:/cb", "vn.app:/cb?code=x%20y&iss=https%3A%2F%2Fid.vn"),
    ],
)
def test_query_responses_keep_the_query_of_the_redirect_uri(redirect_uri: str, address: str) -> None:
    response = _response(redirect_uri, "query", code="x y", iss="https://id.vn")
    answer = responses.see_other(location(response))
    assert answer.status_code == 303
    assert headers_of(answer)["location"] == address


def test_no_header_can_be_smuggled_into_a_redirect() -> None:
    answer = responses.see_other("https://a.vn/\r\nset-cookie: a=1")
    assert headers_of(answer)["location"] == "https://a.vn/%0D%0Aset-cookie:%20a=1"


def test_form_post_sends_itself_to_the_one_origin(pages: Any) -> None:
    response = _response("https://a.vn:8443/cb", "form_post", code="x", state='"><script>alert(1)</script>')
    answer = responses.form_post(pages, "vi", response)
    policy = headers_of(answer)["content-security-policy"]
    assert answer.status_code == 200
    assert "form-action 'self' https://a.vn:8443;" in policy
    assert "script-src 'sha256-" in policy
    assert "unsafe" not in policy
    assert b"<script>alert" not in answer.body


def test_pages_say_their_language_and_allow_no_script(pages: Any) -> None:
    headers = headers_of(responses.page(pages, Front(), "en"))
    assert headers["content-language"] == "en"
    assert "script-src" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("asked", ['"e1"', 'W/"e1"', '"x", "e1"', "*"])
def test_a_known_document_is_not_sent_again(request_with: Any, asked: str) -> None:
    answer = responses.prepared(request_with(("if-none-match", asked)), b"{}", '"e1"', max_age=60)
    assert answer.status_code == 304
    assert answer.body == b""
    assert headers_of(answer) == {"etag": '"e1"', "cache-control": "public, max-age=60"}


def test_an_unknown_document_is_sent(request_with: Any) -> None:
    answer = responses.prepared(request_with(("if-none-match", '"e0"')), b"{}", '"e1"', max_age=60)
    assert answer.status_code == 200
    assert answer.body == b"{}"
    assert headers_of(answer)["etag"] == '"e1"'


@pytest.mark.parametrize(
    ("redirect_uri", "source"),
    [
        ("https://A.vn/cb", "https://a.vn"),
        ("https://a.vn:8443/cb?x=1", "https://a.vn:8443"),
        ("http://127.0.0.1/cb", "http://127.0.0.1"),
        ("http://[::1]:5000/cb", "http:"),
        ("vn.gov.app:/cb", "vn.gov.app:"),
    ],
)
def test_form_action_sources(redirect_uri: str, source: str) -> None:
    assert form_action_source(redirect_uri) == source
    assert f"form-action 'self' {source};" in content_security_policy(form_action_origin=source)


@pytest.mark.parametrize(
    "origin", ["https://a.vn; script-src *", "*", "a.vn", "https://a.vn/x", "'unsafe-inline'"]
)
def test_a_policy_is_made_of_origins_only(origin: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        content_security_policy(form_action_origin=origin)
    with pytest.raises(ValueError, match="not an origin"):
        content_security_policy(frame_origins=("https://b.vn", origin))
    with pytest.raises(ValueError, match="not a SHA-256"):
        content_security_policy(script_hash=origin)


def test_static_files_are_kept_for_ever_and_compressed_where_understood(
    request_with: Any, pages: Any
) -> None:
    address, file = next((a, f) for a, f in pages.static.items() if a.endswith(".css"))
    plain = static_file(request_with(path=address), pages)
    packed = static_file(request_with(("accept-encoding", "br, gzip;q=0.5"), path=address), pages)
    refused = static_file(request_with(("accept-encoding", "gzip;q=0"), path=address), pages)
    assert plain.body == refused.body == file.body
    assert packed.body == file.gzip_body
    assert headers_of(packed)["content-encoding"] == "gzip"
    assert headers_of(packed)["vary"] == "accept-encoding"
    assert "immutable" in headers_of(packed)["cache-control"]
    assert headers_of(packed)["etag"] != headers_of(plain)["etag"]
    known = request_with(
        ("accept-encoding", "gzip"), ("if-none-match", headers_of(packed)["etag"]), path=address
    )
    assert static_file(known, pages).status_code == 304
