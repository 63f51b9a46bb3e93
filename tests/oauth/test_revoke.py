"""Tokens, taken back."""

from dataclasses import replace

import pytest

from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.request import Response
from penstock.domain.secret import Secret
from penstock.oauth.token import revoke
from tests.oauth.asking import PLAN, answering, form_of, play


def test_both_tokens_are_revoked() -> None:
    """O9: the refresh token first, for it is the one that lives on."""
    credentials = Credentials(access=Secret("at"), refresh=Secret("rt"))
    done = Response(200, {}, b"")
    _, requests = play(revoke(PLAN, credentials), done, done)
    assert [request.url for request in requests] == ["https://bank.example/revoke"] * 2
    assert [form_of(request) for request in requests] == [
        {"token": "rt", "token_type_hint": "refresh_token", "client_id": "penstock"},
        {"token": "at", "token_type_hint": "access_token", "client_id": "penstock"},
    ]
    assert not any(request.authorized for request in requests)


def test_a_connection_without_a_refresh_token_revokes_the_other() -> None:
    """O9: what there is, is revoked."""
    _, requests = play(revoke(PLAN, Credentials(access=Secret("at"))), Response(204, {}, b""))
    assert len(requests) == 1


def test_a_bank_without_revocation_is_not_asked() -> None:
    """O9: where there is no address, nothing goes out."""
    asking = revoke(replace(PLAN, revoke_url=None), Credentials(access=Secret("at")))
    assert list(asking) == []


def test_a_kind_of_token_that_cannot_be_revoked_is_no_error() -> None:
    """RFC 7009 §2.2.1: a bank may revoke refresh tokens only."""
    credentials = Credentials(access=Secret("at"), refresh=Secret("rt"))
    unsupported = answering({"error": "unsupported_token_type"}, 400)
    play(revoke(PLAN, credentials), Response(200, {}, b"ok"), unsupported)


def test_a_revocation_that_fails_is_told_after_both_were_tried() -> None:
    """O9: one that is refused does not spare the other; the first failure is the one told."""
    credentials = Credentials(access=Secret("at"), refresh=Secret("rt"))
    asking = revoke(PLAN, credentials)
    with pytest.raises(OAuthUnavailable, match="503"):
        play(asking, Response(503, {}, b""), answering({"error": "invalid_client"}, 401))
    with pytest.raises(OAuthError):
        play(revoke(PLAN, credentials), Response(302, {}, b""), Response(200, {}, b""))
