"""Linking in MX's Connect widget, a page of MX's own (https://docs.mx.com/connect).

Each link makes a user of its own at MX, so that what is linked can be given back whole. MX sends
the person back to us with the new login's name (`member_guid`) in the query, which is believed only
where that login is our user's; where the name is missing, the user is asked for the one login that
it has. A renewal shows the login that is there in the same widget, and changes no name.
"""

from collections.abc import Generator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

import msgspec

from penstock.connectors.answer import by_status
from penstock.connectors.mx_app import App, Login, login_of, usable_guid
from penstock.connectors.mx_status import Member, Sense, parse_member, parse_members, verdict_of
from penstock.connectors.wire import broken, decode
from penstock.domain.consent import Credentials
from penstock.domain.errors import OAuthError, OAuthUnavailable
from penstock.domain.link_plan import Errand, Granted, Return, Sent
from penstock.domain.protocol import VerdictKind
from penstock.domain.remedy import ask_person, fix_code
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

_NEEDS_PERSON: Final = frozenset({Sense.PERSON, Sense.CLOSED})
_KEYS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _User(msgspec.Struct):
    guid: str


class _OfUser(msgspec.Struct):
    user: _User


class _Url(msgspec.Struct):
    url: str


class _OfUrl(msgspec.Struct):
    widget_url: _Url


class _Note(msgspec.Struct):
    """What has to be known when the person is back; a member is the one that is to be renewed."""

    user: str
    member: str | None = None


_OF_USER: Final = msgspec.json.Decoder(_OfUser)
_OF_URL: Final = msgspec.json.Decoder(_OfUrl)
_NOTE: Final = msgspec.json.Decoder(_Note)


@dataclass(frozen=True, slots=True)
class ConnectWidget:
    """Both halves of a link."""

    app: App

    def begin(self, errand: Errand) -> Generator[Request, Response, Sent]:
        """Arrange the visit. Raises OAuthError and ContractBroken."""
        known = login_of(errand.renewed) if errand.renewed else None
        if known is not None:
            answer = yield self._widget(errand, known.user, known.member)
            if answer.status != HTTPStatus.NOT_FOUND:
                return _sent(answer, _Note(known.user, known.member))
        name = f"penstock-{uuid5(NAMESPACE_URL, errand.state)}"
        answer = yield self.app.ask("POST", "users", content={"user": {"id": name}})
        user = decode(check(answer), _OF_USER, "user").user.guid
        if not usable_guid(user):
            raise broken("user", "`guid` is none", user)
        answer = yield self._widget(errand, user)
        return _sent(answer, _Note(user))

    def finish(self, back: Return) -> Generator[Request, Response, Granted]:
        """Find out what came of the visit. Raises OAuthError and ContractBroken.

        Of a link that came to nothing no user is left at MX.
        """
        note = _NOTE.decode(back.note.reveal())
        try:
            name = yield from self._name_of(note, back)
            answer = yield self.app.ask("GET", Login(note.user, name).path)
            if answer.status == HTTPStatus.NOT_FOUND:
                raise _nothing_came_of_it("MX does not know the login that came back.")
            member = parse_member(check(answer))
            if member.meaning.sense in _NEEDS_PERSON:
                raise _nothing_came_of_it(member.words)
        except OAuthUnavailable:
            raise
        except OAuthError:
            if note.member is None:
                yield self.app.ask("DELETE", f"users/{note.user}")
            raise
        return Granted(Login(note.user, name).as_credentials())

    def end(self, opened: Credentials) -> Generator[Request, Response, None]:
        """Delete the login, and the user that was made for it. Raises OAuthError."""
        login = login_of(opened)
        for path in (login.path, f"users/{login.user}"):
            answer = yield self.app.ask("DELETE", path)
            if answer.status != HTTPStatus.NOT_FOUND:
                check(answer)

    def _name_of(self, note: _Note, back: Return) -> Generator[Request, Response, str]:
        """Return the name of the login that was linked, or was to be renewed."""
        told = back.parameters
        if told.get("status", "success") != "success" or told.get("error_reason"):
            raise _nothing_came_of_it("The visit to MX ended before anything was linked.")
        if told.get("user_guid", note.user) != note.user:
            raise _nothing_came_of_it("What came back from MX is somebody else's.")
        name = note.member or told.get("member_guid") or (yield from self._only_one(note.user))
        if not usable_guid(name):
            raise _nothing_came_of_it("What came back from MX names no login.")
        return name

    def _only_one(self, user: str) -> Generator[Request, Response, str]:
        answer = yield self.app.ask("GET", f"users/{user}/members", {"records_per_page": 100})
        members: list[Member] = parse_members(check(answer))
        names = [each.guid for each in members if each.guid]
        if len(names) != 1:
            raise _nothing_came_of_it("The visit to MX ended before a bank was linked.")
        return names[0]

    def _widget(self, errand: Errand, user: str, member: str | None = None) -> Request:
        joint = "&" if "?" in errand.redirect_uri else "?"
        back = f"{errand.redirect_uri}{joint}{urlencode({'state': errand.state})}"
        wanted: dict[str, object] = {
            "widget_type": "connect_widget",
            "mode": "aggregation",
            "include_transactions": True,
            "ui_message_version": 4,
            "oauth_referral_source": "APP",
            "client_redirect_url": back,
        }
        if member is not None:
            wanted |= {"current_member_guid": member, "disable_institution_search": True}
        elif institution := errand.parameters.get("institution"):
            wanted |= {"current_institution_code": institution}
        return self.app.ask("POST", f"users/{user}/widget_urls", content={"widget_url": wanted})


def check(response: Response) -> bytes:
    """Return the body of a good answer while linking. Raises OAuthError, OAuthUnavailable."""
    verdict = by_status(response)
    if verdict.kind is VerdictKind.OK:
        return response.body
    if verdict.kind in {VerdictKind.TRANSIENT, VerdictKind.THROTTLED}:
        raise OAuthUnavailable(
            f"MX cannot answer now ({response.status}).",
            retry_after=response.headers.get("retry-after"),
        )
    if response.status in _KEYS:
        told = verdict_of(response).message
        raise OAuthError(told, remedy=fix_code("Then begin again: nothing was linked."))
    raise OAuthError(
        f"MX refused ({response.status}).", remedy=ask_person("Nothing was linked. Begin again.")
    )


def _sent(answer: Response, note: _Note) -> Sent:
    url = decode(check(answer), _OF_URL, "widget").widget_url.url
    if not url.startswith(("https://", "http://")):
        raise broken("widget", "`url` is no address", url)
    return Sent(url, Secret(msgspec.json.encode(note).decode()))


def _nothing_came_of_it(why: str) -> OAuthError:
    return OAuthError(
        why,
        code="access_denied",
        remedy=ask_person("Nothing was changed. Begin again if you want to link the bank."),
    )
