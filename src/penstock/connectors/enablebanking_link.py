"""Linking at Enable Banking: a person's bank is named, they consent there, a session opens.

`POST /auth` names the bank and until when the consent is to last, which is as long as the bank
allows; the person comes back with a code, for which `POST /sessions` gives a session, good until
then. A renewal is another session for the same accounts.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from penstock.connectors.enablebanking_accounts import Bank, parse_banks, parse_session
from penstock.connectors.enablebanking_app import App
from penstock.connectors.enablebanking_errors import check, is_over
from penstock.connectors.wire import broken, decode
from penstock.domain.consent import Credentials
from penstock.domain.errors import InvalidInput, OAuthError
from penstock.domain.institution import Institution
from penstock.domain.link_plan import Errand, Granted, Return, Sent
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

LONGEST: Final = timedelta(days=180)
SLACK: Final = timedelta(minutes=5)
"""Less than the bank allows, for its clock is another one than ours."""

INSTITUTION: Final = "institution"
_MOST_NAMED: Final = 5


class _Begun(msgspec.Struct):
    url: str


class _Access(msgspec.Struct):
    valid_until: datetime


class _Opened(msgspec.Struct):
    session_id: str
    access: _Access
    accounts: list[msgspec.Raw] = []


_BEGUN: Final = msgspec.json.Decoder(_Begun)
_OPENED: Final = msgspec.json.Decoder(_Opened)


@dataclass(frozen=True, slots=True)
class SessionLink:
    """Both halves of a link, its end, and the search for banks. `country` is the usual one."""

    app: App
    country: str
    psu_type: str

    def search(
        self, asked: str, country: str
    ) -> Generator[Request, Response, Sequence[Institution]]:
        """Find banks. Raises OAuthError and ContractBroken."""
        banks = yield from self._banks(country or self.country)
        return [one.institution for one in banks if _fits(one, asked)]

    def begin(self, errand: Errand) -> Generator[Request, Response, Sent]:
        """Arrange the visit. Raises InvalidInput for a bank that there is not, and OAuthError."""
        chosen = errand.parameters.get(INSTITUTION) or (yield from self._bank_of(errand.renewed))
        country, colon, name = chosen.partition(":")
        if not colon:
            country, name = self.country, chosen
        bank = _chosen((yield from self._banks(country)), name)
        lasts = LONGEST
        if bank.maximum_consent_validity and bank.maximum_consent_validity > 0:
            allowed = min(bank.maximum_consent_validity, int(LONGEST.total_seconds()))
            lasts = timedelta(seconds=allowed)
        until = self.app.clock() + max(lasts - SLACK, SLACK)
        answer = yield self.app.ask(
            "POST",
            "auth",
            access={"valid_until": until.isoformat(), "balances": True, "transactions": True},
            aspsp={"name": bank.name, "country": bank.country},
            state=errand.state,
            redirect_url=errand.redirect_uri,
            psu_type=self.psu_type,
        )
        url = decode(check(answer), _BEGUN, "authorization").url
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise broken("authorization", "`url` is no address")
        return Sent(url, Secret(bank.institution.external_id))

    def finish(self, back: Return) -> Generator[Request, Response, Granted]:
        """Open the session. Raises OAuthError and ContractBroken."""
        code = back.parameters.get("code", "")
        if back.parameters.get("error") or not code:
            raise OAuthError(
                "The visit to the bank ended before it was allowed.",
                code="access_denied",
                remedy=ask_person("Nothing was linked. Begin again if you want to."),
            )
        answer = yield self.app.ask("POST", "sessions", code=code)
        opened = decode(check(answer), _OPENED, "session", "session_id")
        if not opened.session_id.strip() or opened.access.valid_until.tzinfo is None:
            raise broken("session", "it has no id, or does not say until when it is good")
        if not opened.accounts:
            raise OAuthError(
                "The bank shared no account.",
                remedy=ask_person("Begin again, and choose accounts at the bank."),
            )
        return Granted(Credentials(access=Secret(opened.session_id)), opened.access.valid_until)

    def end(self, opened: Credentials) -> Generator[Request, Response, None]:
        """Close the session; one that is over already is well. Raises OAuthError."""
        session = quote(opened.access.reveal(), safe="")
        answer = yield self.app.ask("DELETE", f"sessions/{session}")
        if not is_over(answer):
            check(answer)

    def _bank_of(self, renewed: Credentials | None) -> Generator[Request, Response, str]:
        """Return the bank of a session that is to be renewed. Raises InvalidInput."""
        if renewed is not None:
            session = quote(renewed.access.reveal(), safe="")
            answer = yield self.app.ask("GET", f"sessions/{session}")
            if not is_over(answer):
                return parse_session(check(answer))[0].external_id
        raise InvalidInput(
            "Say which institution first.",
            remedy=ask_person("`penstock institutions enablebanking` finds what there is."),
        )

    def _banks(self, country: str) -> Generator[Request, Response, list[Bank]]:
        wanted = {"psu_type": self.psu_type, "service": "AIS"}
        query = urlencode({**({"country": country.upper()} if country else {}), **wanted})
        return parse_banks(check((yield self.app.ask("GET", f"aspsps?{query}"))))


def _fits(bank: Bank, asked: str) -> bool:
    name = bank.name.casefold()
    return all(word in name for word in asked.casefold().split())


def _chosen(banks: Sequence[Bank], name: str) -> Bank:
    """Return the bank of this name, or the only one that has these words in its name."""
    exact = [one for one in banks if one.name.casefold() == name.casefold()]
    found = exact or [one for one in banks if _fits(one, name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InvalidInput(
            f"There is no bank {name[:60]!r}.",
            remedy=ask_person("`penstock institutions enablebanking WORDS` finds what there is."),
        )
    named = ", ".join(one.institution.external_id for one in found[:_MOST_NAMED])
    raise InvalidInput(
        f"There are {len(found)} banks of this name.",
        remedy=ask_person(f"Say which, as it is listed: {named}…"),
    )
