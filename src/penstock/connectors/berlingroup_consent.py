"""NextGenPSD2's consent: made first, then given by the person at the bank, then looked up.

A consent object is posted; the bank answers with its id, and with the address to which the person
goes (the redirect approach). They come back without anything worth knowing: the bank is asked how
the consent stands, and until when it is good, for it may shorten what was asked for. The bank ends
the consent before by itself once a new one is given, and this one at our word.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.berlin_quota import A_DAY
from penstock.connectors.berlingroup_bank import Bank
from penstock.connectors.berlingroup_errors import check
from penstock.connectors.wire import broken, decode
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import Errand, Granted, Return, Sent
from penstock.domain.remedy import ask_person, fix_code
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

DAYS: Final = 180
"""As long as the law lets a consent last (Delegated Regulation (EU) 2022/2360)."""

LOOKS: Final = 3
"""How often the bank is asked how the consent stands, when the person is back."""

ACCESS: Final[Mapping[str, Mapping[str, object]]] = {
    "all": {"allPsd2": "allAccounts"},
    "chosen": {"accounts": [], "balances": [], "transactions": []},
}
"""What is asked for: every account, or those that the person chooses at the bank."""

_GONE: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST}
)
_WAITING: Final = "received"
_VALID: Final = "valid"


class _Link(msgspec.Struct):
    href: str | None = None


class _Created(msgspec.Struct, rename="camel"):
    consent_id: str
    links: dict[str, _Link | None] = msgspec.field(name="_links", default_factory=dict)


class _Started(msgspec.Struct):
    links: dict[str, _Link | None] = msgspec.field(name="_links", default_factory=dict)


class _Status(msgspec.Struct, rename="camel"):
    consent_status: str


class _Consent(msgspec.Struct, rename="camel"):
    valid_until: date


_CREATED: Final = msgspec.json.Decoder(_Created)
_STARTED: Final = msgspec.json.Decoder(_Started)
_STATUS: Final = msgspec.json.Decoder(_Status)
_CONSENT: Final = msgspec.json.Decoder(_Consent)


@dataclass(frozen=True, slots=True)
class ConsentLink:
    """Both halves of a link, and its end. `access` is a word of `ACCESS`."""

    bank: Bank
    zone: ZoneInfo
    access: str

    def begin(self, errand: Errand) -> Generator[Request, Response, Sent]:
        """Make the consent. Raises OAuthError and ContractBroken."""
        joint = "&" if "?" in errand.redirect_uri else "?"
        back = f"{errand.redirect_uri}{joint}{urlencode({'state': errand.state})}"
        headers = {
            "TPP-Redirect-Preferred": "true",
            "TPP-Redirect-URI": back,
            "TPP-Nok-Redirect-URI": back,
        }
        answer = yield self.bank.ask("POST", "/v1/consents", self._wanted(), headers)
        created = decode(check(answer), _CREATED, "consent", "consentId")
        if not created.consent_id.strip():
            raise broken("consent", "`consentId` is blank")
        links = created.links
        start = _href(links, "startAuthorisation")
        if _href(links, "scaRedirect") is None and start is not None:
            answer = yield self.bank.ask("POST", start, b"{}", headers)
            links = decode(check(answer), _STARTED, "authorisation").links
        return Sent(_address(_href(links, "scaRedirect")), Secret(created.consent_id))

    def finish(self, back: Return) -> Generator[Request, Response, Granted]:
        """Look up how the consent stands. Raises OAuthError and ContractBroken."""
        consent = back.note.reveal()
        status = _WAITING
        for _ in range(LOOKS):
            answer = yield self.bank.ask("GET", f"{_path(consent)}/status")
            status = decode(check(answer), _STATUS, "consent status").consent_status
            if status != _WAITING:
                break
        if status != _VALID:
            raise _not_given(status)
        answer = yield self.bank.ask("GET", _path(consent))
        until = decode(check(answer), _CONSENT, "consent").valid_until
        return Granted(Credentials(access=Secret(consent)), self._ends(until))

    def end(self, opened: Credentials) -> Generator[Request, Response, None]:
        """Take the consent back; one that is over already is well. Raises OAuthError."""
        answer = yield self.bank.ask("DELETE", _path(opened.access.reveal()))
        if answer.status not in _GONE:
            check(answer)

    def _wanted(self) -> bytes:
        today = self.bank.clock().astimezone(self.zone).date()
        return msgspec.json.encode(
            {
                "access": ACCESS[self.access],
                "recurringIndicator": True,
                "validUntil": today + timedelta(days=DAYS),
                "frequencyPerDay": A_DAY,
                "combinedServiceIndicator": False,
            }
        )

    def _ends(self, until: date) -> datetime | None:
        """Return when a consent ends that is good until a day, that day included."""
        if until == date.max:
            return None
        return datetime.combine(until + timedelta(days=1), time(), self.zone)


def _path(consent: str) -> str:
    return f"/v1/consents/{quote(consent, safe='')}"


def _href(links: Mapping[str, _Link | None], name: str) -> str | None:
    link = links.get(name)
    return link.href if link is not None else None


def _address(href: str | None) -> str:
    """Return where a person is sent. Raises OAuthError where a bank has no page for that."""
    parts = urlsplit(href or "")
    if href is None or parts.scheme not in ("https", "http") or not parts.hostname:
        raise OAuthError(
            "The bank gave no page on which to consent: it wants this done in another way.",
            remedy=fix_code("Only the redirect approach is supported (`scaRedirect`)."),
        )
    return href


def _not_given(status: str) -> OAuthError:
    why = {
        _WAITING: "The consent has not been given.",
        "partiallyAuthorised": "Somebody else has to give this consent too.",
        "rejected": "The consent was refused.",
    }.get(status, "The consent is not good.")
    return OAuthError(
        why, code="access_denied", remedy=ask_person("Nothing was linked. Begin again.")
    )
