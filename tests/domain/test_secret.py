"""A secret shows itself to nobody who did not ask for it by name."""

import copy
import json
import logging
import pickle
import pprint
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from penstock.domain.consent import Credentials
from penstock.domain.link_plan import OAuthPlan
from penstock.domain.request import Request, Response
from penstock.domain.secret import MASK, Secret

CANARY = "canary-5f1c"
SECRET = Secret(CANARY)
CREDENTIALS = Credentials(SECRET, Secret(CANARY), datetime(2026, 11, 1, tzinfo=UTC))
PLAN = OAuthPlan("", "", "", None, client_id="us", client_secret=SECRET)


SHOWN = {
    "repr": repr(SECRET),
    "str": str(SECRET),
    "an f-string": f"{SECRET}",
    "padded repr": f"{SECRET!r:>40}",
    "padded": f"{SECRET:>40}",
    "converted": f"{SECRET!s}",
    "format": format(SECRET, "s"),
    "percent": "%s %r" % (SECRET, SECRET),  # noqa: UP031 - the old way must not tell either
    "in containers": repr([SECRET, {"a": SECRET}, (SECRET,)]),
    "in a set": repr({SECRET}),
    "credentials": repr(CREDENTIALS),
    "a plan": str(PLAN),
    "pretty": pprint.pformat(CREDENTIALS),
    "a log line": repr(logging.makeLogRecord({"msg": "%s", "args": (SECRET,)}).getMessage()),
    "a request": repr(
        Request("GET", f"https://bank.example/a?token={CANARY}", {"authorization": CANARY})
    ),
    "an answer": repr(Response(200, {"set-cookie": CANARY}, CANARY.encode())),
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_way_of_showing_it_tells_it(way: str) -> None:
    """security.md K3: repr, str, every format and every container of it show the mask."""
    assert CANARY not in SHOWN[way]


def test_it_is_not_serialised() -> None:
    """security.md K3: pickle, copies that go through it, asdict and JSON refuse a secret."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(SECRET, protocol)
        with pytest.raises(TypeError):
            pickle.dumps(CREDENTIALS, protocol)
    for leak in (copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as caught:
            leak(SECRET)
        assert CANARY not in str(caught.value)
    with pytest.raises(TypeError):
        asdict(CREDENTIALS)
    with pytest.raises(TypeError):
        vars(SECRET)


def test_an_error_that_meets_it_does_not_tell_it() -> None:
    """security.md K3: an error that a secret causes says nothing of it, traceback included."""
    try:
        SECRET + "x"  # type: ignore[operator]  # it must fail
    except TypeError:
        assert CANARY not in traceback.format_exc().replace(f'CANARY = "{CANARY}"', "")


def test_whoever_needs_it_gets_it() -> None:
    """It is revealed by name, compared by content, and false when empty."""
    assert SECRET.reveal() == CANARY
    assert Secret(CANARY) == SECRET
    assert Secret("other") != SECRET
    assert CANARY != SECRET
    assert {Secret(CANARY), SECRET} == {SECRET}
    assert hash(SECRET) != hash(CANARY)
    assert SECRET
    assert not Secret("")
    assert replace(CREDENTIALS, scope="x").access is SECRET
    assert MASK in repr(SECRET)
