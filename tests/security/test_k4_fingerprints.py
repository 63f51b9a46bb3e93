"""K4: what is kept of a request, to know it again, tells nobody what was in it."""

import hashlib

import sqlalchemy as sa

from penstock.db.idempotency import idempotency_keys
from tests.api.serving import Api
from tests.security.browsing import GOOD, somebody


def test_a_dump_lets_nobody_guess_at_passwords(api: Api) -> None:
    """K4, L1: a password that was sent with a key is not to be found by hashing guesses."""
    somebody(api)
    ada = api.signed_in()
    body = b'{"password":"' + GOOD.encode() + b'"}'
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    first, second = (ada.post("/v1/me/prove", content=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.headers["Idempotency-Replayed"]) == (204, "true")
    guess = hashlib.sha256(b"POST\0/v1/me/prove\0\0" + body).hexdigest()
    query = sa.select(idempotency_keys.c.fingerprint)
    (kept,) = api.read(lambda one: one.execute(query).scalars().all())
    assert kept != guess
