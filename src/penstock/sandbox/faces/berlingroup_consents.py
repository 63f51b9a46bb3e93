"""Consents as NextGenPSD2 has them: made by a program, authorised by a person, told to both.

The bank shortens what is asked for to what it allows. A consent that was authorised opens the data
by its own id, which stands in a header.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.sandbox.authority import Asked, Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, json_bytes, refuse_dead
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.visits import Visit

PREFIX = "/berlingroup"
REQUEST_ID = "X-Request-ID"
SCOPE = "accounts balances transactions"
CODES = {
    "access_exceeded": "ACCESS_EXCEEDED",
    "consent_expired": "CONSENT_EXPIRED",
    "consent_revoked": "CONSENT_INVALID",
    "invalid_token": "CONSENT_UNKNOWN",
    "login_required": "CONSENT_INVALID",
    "resource_unknown": "RESOURCE_UNKNOWN",
}
_OVER = {
    ConsentState.EXPIRED: "expired",
    ConsentState.REVOKED: "revokedByPsu",
    ConsentState.LOGIN_REQUIRED: "revokedByPsu",
}
Shape = dict[str, object]


def complain(status: int, code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    plain = "FORMAT_ERROR" if status < 500 else "INTERNAL_SERVER_ERROR"  # noqa: PLR2004  RFC 9110
    said = {"category": "ERROR", "code": CODES.get(code, plain), "text": message}
    return msgspec.json.encode({"tppMessages": [said]})


@dataclass(slots=True)
class _Consent:
    """One consent: `status` until it is authorised, from then on its grant says how it stands."""

    access: object
    until: date
    frequency: int
    back: str
    no_way_back: str
    status: str = "received"
    grant: Grant | None = None


class Consents:
    """The endpoints below /v1/consents, and who is admitted by what came of them."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._consents: dict[str, _Consent] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        one = f"{PREFIX}/v1/consents/{{consent}}"
        return [
            web.post(f"{PREFIX}/v1/consents", self._handle),
            web.get(one, self._handle),
            web.get(f"{one}/status", self._handle),
            web.delete(one, self._handle),
        ]

    def admitted(self, request: web.Request) -> Grant:
        """Return the grant that a request's consent stands for. Raises Refusal."""
        consent = self._consents.get(request.headers.get("Consent-ID", ""))
        if consent is None or consent.grant is None:
            raise Refusal(403, "invalid_token", "There is no such consent, or nobody gave it.")
        try:
            refuse_dead(self._bank, consent.grant)
        except Refusal as refusal:
            raise Refusal(401, refusal.code, refusal.message) from None
        return consent.grant

    async def _handle(self, request: web.Request) -> web.Response:
        self._bank.counters["requests:consent"] += 1
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            body = complain(refusal.status, refusal.code, refusal.message)
            response = json_bytes(body, status=refusal.status)
        response.headers[REQUEST_ID] = request.headers.get(REQUEST_ID, "")
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        if REQUEST_ID not in request.headers:
            raise Refusal(400, "format_error", f"{REQUEST_ID} is missing.")
        if request.method == "POST":
            return self._create(request, await request.read())
        consent = self._consents.get(request.match_info["consent"])
        if consent is None:
            raise Refusal(403, "invalid_token", "There is no such consent.")
        if request.method == "DELETE":
            return self._end(consent)
        status = self._status(consent)
        if request.path.endswith("/status"):
            return _json({"consentStatus": status})
        return _json(
            {
                "access": consent.access,
                "recurringIndicator": True,
                "validUntil": consent.until,
                "frequencyPerDay": consent.frequency,
                "lastActionDate": self._bank.options.clock().date(),
                "consentStatus": status,
            }
        )

    def _create(self, request: web.Request, body: bytes) -> web.Response:
        wanted = _object(body)
        access, frequency = wanted.get("access"), wanted.get("frequencyPerDay")
        if "PSU-IP-Address" not in request.headers or not isinstance(access, dict):
            raise Refusal(400, "format_error", "PSU-IP-Address or access is missing.")
        back = request.headers.get("TPP-Redirect-URI", self._bank.url)
        name = self._bank.options.mint()
        self._consents[name] = consent = _Consent(
            access=access,
            until=self._shortened(wanted.get("validUntil")),
            frequency=min(frequency, 4) if isinstance(frequency, int) else 1,
            back=back,
            no_way_back=request.headers.get("TPP-Nok-Redirect-URI", back),
        )
        visit = Visit(
            program="A reader of accounts",
            scope=SCOPE,
            allow=lambda person, scenario: self._allow(consent, person, scenario),
            deny=lambda: self._deny(consent),
        )
        here = f"/v1/consents/{name}"
        links = {
            "scaRedirect": {"href": f"{self._bank.url}/visits/{self._bank.visits.expect(visit)}"},
            "self": {"href": here},
            "status": {"href": f"{here}/status"},
        }
        told: Shape = {"consentStatus": consent.status, "consentId": name, "_links": links}
        response = _json(told, 201)
        response.headers["ASPSP-SCA-Approach"] = "REDIRECT"
        return response

    def _shortened(self, until: object) -> date:
        """Return until when a consent is good: not longer than this bank allows."""
        longest = self._bank.options.clock().date() + timedelta(
            days=self._bank.options.consent_days
        )
        try:
            return min(longest, date.fromisoformat(str(until)))
        except ValueError:
            raise Refusal(400, "format_error", "validUntil is no day.") from None

    def _allow(self, consent: _Consent, person: str, scenario: Scenario) -> str:
        asked = Asked("berlingroup", "", "", SCOPE)
        consent.grant = self._bank.authority.grant(asked, person, scenario)
        consent.until = min(consent.until, consent.grant.consent_ends.date())
        return consent.back

    def _deny(self, consent: _Consent) -> str:
        consent.status = "rejected"
        return consent.no_way_back

    def _end(self, consent: _Consent) -> web.Response:
        self._bank.counters["requests:revoke"] += 1
        if consent.grant is not None:
            self._bank.authority.end(consent.grant, ConsentState.REVOKED)
        consent.status, consent.grant = "terminatedByTpp", None
        return web.Response(status=204)

    def _status(self, consent: _Consent) -> str:
        if consent.grant is None:
            return consent.status
        return _OVER.get(self._bank.authority.state(consent.grant), "valid")


def _object(body: bytes) -> Mapping[str, object]:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        raise Refusal(400, "format_error", "The body is no object.") from None


def _json(content: Shape, status: int = 200) -> web.Response:
    return json_bytes(msgspec.json.encode(content), status=status)
