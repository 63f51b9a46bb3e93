"""Linking through Plaid's Hosted Link (https://plaid.com/docs/link/hosted-link/).

A link token is made for the visit, with the address to come back to, and Plaid answers with the
address to go to. When the person is back, the token tells what came of it: a public token, which
is exchanged once, within 30 minutes, for the access token of a new Item. That token does not
expire.

A renewal is Link's *update mode*: the link token names the Item, the person signs in or consents
again, and the access token, the accounts and every id stay as they are. Where Plaid has no such
Item any more, the renewal is a fresh link, and its accounts are recognised by what they say.
"""

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from penstock.connectors.plaid_accounts import parse_item
from penstock.connectors.plaid_app import App
from penstock.connectors.plaid_errors import check, is_gone
from penstock.connectors.wire import broken, decode
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError
from penstock.domain.link_plan import Errand, Granted, Return, Sent
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

PRODUCTS: Final = ("transactions",)
DAYS_OF_HISTORY: Final = 730
"""As much as there is: only what the first link asks for is ever told."""

GOOD_FOR: Final = timedelta(minutes=10)
"""As long as we wait for the person: a visit that nobody expects any more would cost an Item."""


class _Created(msgspec.Struct):
    link_token: str
    hosted_link_url: str = ""


class _Added(msgspec.Struct):
    public_token: str


class _Results(msgspec.Struct):
    item_add_results: list[_Added] = []


class _Event(msgspec.Struct):
    event_name: str


class _Session(msgspec.Struct):
    results: _Results | None = None
    on_success: _Added | None = None
    events: list[_Event] | None = None

    @property
    def went_well(self) -> bool:
        """Whether the person went through it to its end."""
        handed_off = any(each.event_name == "HANDOFF" for each in self.events or ())
        return handed_off or bool(self.public_tokens)

    @property
    def public_tokens(self) -> list[str]:
        """The tokens of the Items that were made; `on_success` is the older way to say so."""
        added = self.results.item_add_results if self.results else []
        if not added and self.on_success is not None:
            added = [self.on_success]
        return [each.public_token for each in added]


class _Sessions(msgspec.Struct):
    link_sessions: list[_Session] | None = None


class _Exchanged(msgspec.Struct):
    access_token: str


class _Note(msgspec.Struct):
    """What has to be known when the person is back; an access token is that of the renewed Item."""

    link_token: str
    access_token: str | None = None


_CREATED: Final = msgspec.json.Decoder(_Created)
_SESSIONS: Final = msgspec.json.Decoder(_Sessions)
_EXCHANGED: Final = msgspec.json.Decoder(_Exchanged)
_NOTE: Final = msgspec.json.Decoder(_Note)


@dataclass(frozen=True, slots=True)
class HostedLink:
    """Both halves of a link. `countries` are those whose institutions a person may choose from."""

    app: App
    client_name: str
    countries: tuple[str, ...]

    def begin(self, errand: Errand) -> Generator[Request, Response, Sent]:
        """Arrange the visit. Raises OAuthError and ContractBroken."""
        known = errand.renewed.access.reveal() if errand.renewed else None
        answer = yield self._create(errand, known)
        if known and is_gone(answer):
            known = None
            answer = yield self._create(errand, known)
        created = decode(check(answer), _CREATED, "link token")
        if not created.hosted_link_url:
            raise broken("link token", "there is no `hosted_link_url`: is Hosted Link enabled?")
        note = msgspec.json.encode(_Note(created.link_token, known)).decode()
        return Sent(created.hosted_link_url, Secret(note))

    def finish(self, back: Return) -> Generator[Request, Response, Granted]:
        """Fetch what came of the visit. Raises OAuthError and ContractBroken."""
        note = _NOTE.decode(back.note.reveal())
        answer = yield self._ask("link/token/get", link_token=note.link_token)
        sessions = decode(check(answer), _SESSIONS, "link token").link_sessions or []
        if note.access_token is not None:
            return (yield from self._renewed(sessions, note.access_token))
        public_tokens = [token for each in sessions for token in each.public_tokens]
        if not public_tokens:
            raise _nothing_came_of_it()
        answer = yield self._ask("item/public_token/exchange", public_token=public_tokens[-1])
        exchanged = decode(check(answer), _EXCHANGED, "token exchange")
        return Granted(Credentials(access=Secret(exchanged.access_token)))

    def end(self, opened: Credentials) -> Generator[Request, Response, None]:
        """Remove the Item: Plaid bills for it until then. Raises OAuthError."""
        answer = yield self._ask("item/remove", access_token=opened.access.reveal())
        if not is_gone(answer):
            check(answer)

    def _renewed(
        self, sessions: list[_Session], access_token: str
    ) -> Generator[Request, Response, Granted]:
        if not any(each.went_well for each in sessions):
            raise _nothing_came_of_it()
        answer = yield self._ask("item/get", access_token=access_token)
        item = parse_item(check(answer))
        return Granted(Credentials(access=Secret(access_token)), item.consent_ends)

    def _create(self, errand: Errand, access_token: str | None) -> Request:
        state = urlencode({"state": errand.state})
        joint = "&" if "?" in errand.redirect_uri else "?"
        wanted: dict[str, object] = {"access_token": access_token}
        if access_token is None:
            wanted = {
                "products": PRODUCTS,
                "transactions": {"days_requested": DAYS_OF_HISTORY},
            }
        return self._ask(
            "link/token/create",
            client_name=self.client_name,
            language="en",
            country_codes=self.countries,
            user={"client_user_id": hashlib.sha256(errand.state.encode()).hexdigest()[:32]},
            hosted_link={
                "completion_redirect_uri": f"{errand.redirect_uri}{joint}{state}",
                "url_lifetime_seconds": int(GOOD_FOR.total_seconds()),
            },
            **wanted,
        )

    def _ask(self, endpoint: str, **content: object) -> Request:
        return self.app.post(endpoint, authorized=False, **content)


def _nothing_came_of_it() -> OAuthError:
    return OAuthError(
        "The visit to Plaid ended before anything was linked.",
        code="access_denied",
        remedy=ask_person("Nothing was changed. Begin again if you want to link the bank."),
    )
