"""Enable Banking's quirks, one by one: signatures, sessions, lists, errors."""

from base64 import b64decode, urlsafe_b64decode
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from joserfc import jwt
from joserfc.errors import BadSignatureError

from penstock.connectors.enablebanking import KIND, EnableBanking
from penstock.connectors.enablebanking_app import App, read_key
from penstock.domain.consent import ConsentState, Credentials
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.option import Given
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Absence, Balances, Page, Stream
from penstock.sandbox.faces.enablebanking_sessions import application_key
from tests.connectors.berlin_samples import LISTED, NOON, Told, body, listed
from tests.connectors.driving import Found, by_hand
from tests.sandbox.visitor import Watch

URL = "https://api.enablebanking.test"
KEY = read_key(Secret(application_key()))
APP = App(URL, "app-1", KEY, Watch(NOON))
ENABLE = EnableBanking(APP)
OPENED = Credentials(Secret("session-1"))
STREAM = Stream("hash-1", ("hash-1/EUR",))
SESSION = body(
    {
        "status": "AUTHORIZED",
        "aspsp": {"name": "Mill Bank", "country": "FI"},
        "accounts_data": [
            {"uid": "uid-7", "identification_hash": "hash-1"},
            {"uid": None, "identification_hash": "blocked"},
        ],
    }
)
BALANCES = body(
    {"balances": [{"name": "", "balance_amount": {"currency": "EUR", "amount": "9.00"},
                   "balance_type": "ITBD"}]}
)  # fmt: skip


def test_what_it_declares() -> None:
    """Unlinked, ids reused and re-issued, absence ends what is pending; four readings a day."""
    assert (ENABLE.pending_rule, ENABLE.absence) == (PendingRule.UNLINKED, Absence.PENDING_GONE)
    assert (ENABLE.reuses_ids, ENABLE.reissues_ids, ENABLE.sends_removals) == (True, True, False)
    assert {(each.calls, each.endpoint) for each in ENABLE.budgets} == {
        (4, "details"),
        (4, "balances"),
        (4, "transactions"),
    }


def test_every_request_is_signed_by_the_application() -> None:
    """RS256, our id as `kid`, an hour of the 24 that are allowed; and no sign of a person."""
    signed = ENABLE.sign(APP.get("sessions/{session}"), OPENED)
    assert signed.url == f"{URL}/sessions/session-1"
    assert not [name for name in signed.headers if name.lower().startswith("psu")]
    assert KEY is not None
    token = signed.headers["Authorization"].removeprefix("Bearer ")
    read = jwt.decode(token, KEY, algorithms=["RS256"])
    assert read.header == {"typ": "JWT", "alg": "RS256", "kid": "app-1"}
    now = int(NOON.timestamp())
    assert read.claims == {
        "iss": "enablebanking.com",
        "aud": "api.enablebanking.com",
        "iat": now,
        "exp": now + 3600,
    }
    assert signed == ENABLE.sign(APP.get("sessions/{session}"), OPENED), "nothing is random"
    odd = ENABLE.sign(APP.get("sessions/{session}"), Credentials(Secret("../accounts?a=1#")))
    assert odd.url == f"{URL}/sessions/..%2Faccounts%3Fa%3D1%23", "an id is a name, and no path"
    payload = urlsafe_b64decode(token.split(".")[1] + "==")
    assert b"session" not in payload


def pem() -> str:
    """Return the sandbox's key as the file that Enable Banking's control panel makes."""
    key = load_der_private_key(b64decode(application_key()), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_the_key_may_be_a_file_its_text_or_one_word(tmp_path: Path) -> None:
    """All are the same key; anything else is refused when the connector is made, and not shown."""
    path = tmp_path / "app-1.pem"
    path.write_text(pem())
    for text in (str(path), pem(), pem().replace("\n", "\\n"), application_key()):
        values = {"enablebanking_key": Secret(text), "enablebanking_application_id": Secret("a")}
        made = KIND.make(Given(KIND.name, KIND.options, values), Watch(NOON))
        assert isinstance(made, EnableBanking)
        assert made.app.key is not None
        assert made.missing_settings == ()
        assert text not in repr(made)
    path.write_text("canary")
    for wrong in (str(path), "canary", pem()[:200], str(tmp_path / "nowhere.pem")):
        values = {"enablebanking_key": Secret(wrong)}
        with pytest.raises(InvalidInput, match="PENSTOCK_ENABLEBANKING_KEY") as refused:
            KIND.make(Given(KIND.name, KIND.options, values), Watch(NOON))
        assert "canary" not in str(refused.value)


def test_each_application_signs_with_its_own_key() -> None:
    """Two in one process never get each other's, in whatever order they were made and used."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    theirs = read_key(Secret(text))
    ours = read_key(Secret(application_key()))
    assert ours is not None
    assert theirs is not None
    for key, stranger in ((ours, theirs), (theirs, ours)):
        request = App(URL, "app", key, Watch(NOON)).ask("GET", "aspsps")
        token = request.headers["Authorization"].removeprefix("Bearer ")
        jwt.decode(token, key)
        with pytest.raises(BadSignatureError):
            jwt.decode(token, stranger)


def test_without_a_key_nothing_is_asked() -> None:
    """The connector is there, says what is missing, and signs nothing."""
    made = KIND.make(Given(KIND.name, KIND.options, {}), Watch(NOON))
    assert made.missing_settings == ("enablebanking_application_id", "enablebanking_key")
    with pytest.raises(ContractBroken, match="no key"):
        made.sign(Request("GET", "https://api.enablebanking.com/x"), OPENED)


def test_accounts_are_known_by_what_stays() -> None:
    """The `uid` is another one in each session; one without is closed, and not asked for."""
    account = {
        "uid": "uid-7",
        "account_id": {"iban": "FI0455231152453547"},
        "name": "Ada Weir",
        "details": "Everyday",
        "cash_account_type": "CACC",
        "currency": "EUR",
    }
    told = Told(SESSION, body(account))
    discovery = by_hand(ENABLE.discover(), told)[1]
    assert discovery.institution.external_id == "FI:Mill Bank"
    (seen,) = discovery.accounts
    assert (seen.external_id, seen.mask, seen.name) == ("hash-1/EUR", "3547", "Everyday")
    assert seen.identity == "FI0455231152453547 EUR"
    assert told.asked[1].url == f"{URL}/accounts/uid-7/details"
    assert ENABLE.streams(discovery) == (STREAM,)


def pull(*answers: bytes, cursor: str | None = None) -> tuple[Found, Told]:
    """Read the account."""
    told = Told(SESSION, *answers)
    return by_hand(ENABLE.pull(STREAM, cursor), told)[0], told


def test_an_empty_page_may_have_another_after_it() -> None:
    """The key counts, not the rows; all else stays as it was asked; pages cost no reading."""
    found, told = pull(listed(key="k1"), listed(LISTED, key="k2"), listed(), BALANCES)
    assert [type(one) for one in found] == [Page, Page, Balances, Page]
    urls = [one.url.removeprefix(f"{URL}/accounts/uid-7/") for one in told.asked[1:]]
    assert urls == [
        "transactions?strategy=longest",
        "transactions?strategy=longest&continuation_key=k1",
        "transactions?strategy=longest&continuation_key=k2",
        "balances",
    ]
    assert [one.endpoint for one in told.asked[1:]] == ["transactions", "more", "more", "balances"]
    assert {one.account for one in told.asked[1:]} == {"hash-1"}


def test_a_month_is_read_again() -> None:
    """From its first day on, and all of it is told then."""
    found, told = pull(listed(), BALANCES, cursor='{"read_to":"2026-11-18"}')
    assert told.asked[1].url.endswith("transactions?date_from=2026-10-19")
    last = found[-1]
    assert isinstance(last, Page)
    assert [(one.account, one.since) for one in last.covered] == [
        ("hash-1/EUR", date(2026, 10, 19))
    ]


def test_keys_that_lead_in_a_circle_are_refused() -> None:
    """sync.md 5: less than all is no success."""
    with pytest.raises(ContractBroken, match="leads back"):
        pull(listed(key="k"), listed(key="k"))


def test_an_account_that_the_session_no_longer_opens_is_said() -> None:
    """It is not taken for empty."""
    other = Stream("hash-2", ("hash-2/EUR",))
    with pytest.raises(ContractBroken, match="no longer opens"):
        by_hand(ENABLE.pull(other, None), Told(SESSION))


@pytest.mark.parametrize(
    ("status", "word", "state"),
    [
        (401, "EXPIRED_SESSION", ConsentState.EXPIRED),
        (401, "REVOKED_SESSION", ConsentState.REVOKED),
        (401, "CLOSED_SESSION", ConsentState.REVOKED),
        (404, "SESSION_DOES_NOT_EXIST", ConsentState.REVOKED),
        (400, "ASPSP_PSU_ACTION_REQUIRED", ConsentState.LOGIN_REQUIRED),
    ],
)
def test_sessions_that_are_over(status: int, word: str, state: ConsentState) -> None:
    """The person has to consent again."""
    verdict = ENABLE.classify(Response(status, {}, body({"error": word, "code": status})))
    assert (verdict.kind, verdict.consent) == (VerdictKind.CONSENT, state)


def test_a_good_answer_may_say_that_the_session_is_over() -> None:
    """Its own `status`, and nobody else's."""
    ended = body({"status": "EXPIRED"})
    verdict = ENABLE.classify(Response(200, {}, ended, f"{URL}/sessions/1"))
    assert (verdict.kind, verdict.consent) == (VerdictKind.CONSENT, ConsentState.EXPIRED)
    assert ENABLE.classify(Response(200, {}, ended, f"{URL}/x")).kind is VerdictKind.OK


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "ASPSP_ERROR", VerdictKind.TRANSIENT),
        (408, "ASPSP_TIMEOUT", VerdictKind.TRANSIENT),
        (422, "WRONG_CONTINUATION_KEY", VerdictKind.RESTART),
        (422, "WRONG_TRANSACTIONS_PERIOD", VerdictKind.CONTRACT),
        (401, "UNAUTHORIZED_ACCESS", VerdictKind.CONTRACT),
        (401, "", VerdictKind.CONTRACT),
        (403, "UNAUTHORIZED_IP", VerdictKind.CONTRACT),
    ],
)
def test_other_errors(status: int, word: str, kind: VerdictKind) -> None:
    """A bank's trouble is tried again; what is ours to mend asks no person for a consent."""
    assert ENABLE.classify(Response(status, {}, body({"error": word}))).kind is kind


def test_a_bank_that_has_had_enough_is_left_alone() -> None:
    """Six hours, as Enable Banking says; any other 429 for as long as it says itself."""
    enough = body({"error": "ASPSP_RATE_LIMIT_EXCEEDED"})
    assert ENABLE.classify(Response(429, {}, enough)).wait == timedelta(hours=6).total_seconds()
    assert ENABLE.classify(Response(429, {}, b"")).wait is None


def test_balances_are_as_of_the_answer() -> None:
    """The day is the bank's, in its own zone."""
    _, balances, _ = [*pull(listed(key="k"), listed(), BALANCES)[0]]
    assert isinstance(balances, Balances)
    (seen,) = balances.balances
    assert (seen.amount, seen.as_of, seen.as_of_on) == (Decimal("9.00"), NOON, date(2026, 11, 20))
