"""The world as MX would tell it (https://docs.mx.com, Platform API v20111101).

    POST   /mx/users                               a user of ours
    GET    /mx/users/{user}, DELETE
    POST   /mx/users/{user}/widget_urls            arranges a visit
    GET    /mx/users/{user}/members                the logins of a user
    GET    …/members/{member}, DELETE
    POST   …/members/{member}/aggregate            begins a job that reads the bank
    GET    …/members/{member}/status               how the job goes
    GET    …/members/{member}/accounts             page, records_per_page
    GET    …/members/{member}/transactions         also from_date, to_date, from_updated_at
    GET    …/members/{member}/investment_holdings
    GET    /mx/institutions

Our client id and API key open all of it (Basic). What MX's protocol cannot say is left out: what
was paid abroad, value days, opening balances, and which rows were taken back.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from itertools import cycle
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from penstock.sandbox import steps
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces import mx_shapes as shapes
from penstock.sandbox.faces.answers import BANK, Refusal, Reply, json_bytes
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.mx_lists import found, page_of, place
from penstock.sandbox.faces.mx_logins import SCOPE, Member, Members
from penstock.sandbox.faces.own_rows import NO_IDS
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import ZONE
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.visits import Visit

PREFIX = "/mx"
MEDIA = "application/vnd.mx.api.v1+json"
CLIENT_ID = "penstock-mx"
API_KEY = "sandbox-mx-key"
MUTATIONS = 2

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Tell = Callable[[web.Request], bytes | None]
TellMember = Callable[[web.Request, Member], bytes]


class MXFace:
    """The endpoints."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self.members = Members(bank)

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        user, member = "/users/{user}", "/users/{user}/members/{member}"
        plain: list[tuple[str, str, Tell]] = [
            ("POST", "/users", self._add_user),
            ("GET", user, self._user),
            ("DELETE", user, self._remove_user),
            ("POST", f"{user}/widget_urls", self._widget),
            ("GET", f"{user}/members", self._members_of),
            ("DELETE", member, self._remove_member),
            ("GET", "/institutions", self._institutions),
        ]
        of_members: list[tuple[str, str, Place, TellMember]] = [
            ("GET", "", Place.ACCOUNTS, self._member),
            ("POST", "/aggregate", Place.ACCOUNTS, self._aggregate),
            ("GET", "/status", Place.ACCOUNTS, self._status),
            ("GET", "/accounts", Place.BALANCES, self._accounts),
            ("GET", "/transactions", Place.TRANSACTIONS, self._transactions),
            ("GET", "/investment_holdings", Place.HOLDINGS, self._holdings),
        ]
        return [
            *(web.route(way, f"{PREFIX}{path}", _plain(tell)) for way, path, tell in plain),
            *(
                web.route(way, f"{PREFIX}{member}{path}", self._of_member(place, tell))
                for way, path, place, tell in of_members
            ),
        ]

    def _of_member(self, place: Place, tell: TellMember) -> Handler:
        """Return a handler for what is told of a login."""

        async def handle(request: web.Request) -> web.StreamResponse:
            def admitted(_bank: Bank, request: web.Request) -> Grant:
                _check_caller(request)
                return self._named(request).grant

            def answer(_grant: Grant) -> bytes:
                return tell(request, self._named(request))

            reply = Reply(
                place, answer, shapes.complain, headers=lambda _bank, _grant: {}, admit=admitted
            )
            told = await resource(request, reply)
            if isinstance(told, web.Response) and told.content_type == "application/json":
                told.content_type = MEDIA
                if request.path.endswith("/aggregate") and told.status == web.HTTPOk.status_code:
                    told.set_status(202)
            return told

        return handle

    def _named(self, request: web.Request) -> Member:
        names = request.match_info
        return self.members.get(names["user"], names["member"])

    def _add_user(self, request: web.Request) -> bytes:
        given = request[_CONTENT].get("user")
        if not isinstance(given, dict) or not given:
            raise Refusal(400, "invalid_request", "user cannot be empty")
        return shapes.answer(user=self.members.add_user(given.get("id")))

    def _user(self, request: web.Request) -> bytes:
        return shapes.answer(user=self.members.user(request.match_info["user"]))

    def _remove_user(self, request: web.Request) -> None:
        self.members.remove_user(request.match_info["user"])

    def _remove_member(self, request: web.Request) -> None:
        self.members.remove(self._named(request))

    def _members_of(self, request: web.Request) -> bytes:
        listed = [self.members.shape(one) for one in self.members.of(request.match_info["user"])]
        return page_of(request, "members", listed)

    def _institutions(self, request: web.Request) -> bytes:
        fits = request.query.get("name", "").lower() in str(shapes.INSTITUTION["name"]).lower()
        return page_of(request, "institutions", [shapes.INSTITUTION] * fits)

    def _widget(self, request: web.Request) -> bytes:
        """Arrange a visit: to a login that is there, or for a new one."""
        user, wanted = request.match_info["user"], request[_CONTENT].get("widget_url")
        self.members.user(user)
        if not isinstance(wanted, dict) or wanted.get("widget_type") != "connect_widget":
            raise Refusal(400, "invalid_request", "widget_type is missing or unknown")
        known = wanted.get("current_member_guid")
        member = None if known is None else self.members.get(user, str(known))
        back = str(wanted.get("client_redirect_url") or self._bank.url)

        def allow(person: str, scenario: Scenario) -> str:
            linked = member or self.members.add(user, person, scenario)
            if member is not None:
                self._bank.authority.prolong(member.grant, scenario)
                member.status = ""
            return _joined(back, status="success", user_guid=user, member_guid=linked.guid)

        def deny() -> str:
            return _joined(back, status="error", error_reason="CANCELLED", user_guid=user)

        name = self._bank.visits.expect(Visit("Penstock", SCOPE, allow, deny))
        url = f"{self._bank.url}/visits/{name}"
        told = {"type": "connect_widget", "url": url, "user_id": None}
        return shapes.answer(widget_url=told)

    def _member(self, _request: web.Request, member: Member) -> bytes:
        return shapes.answer(member=self.members.shape(member))

    def _aggregate(self, _request: web.Request, member: Member) -> bytes:
        self.members.begin_job(member)
        return shapes.answer(member=self.members.shape(member))

    def _status(self, _request: web.Request, member: Member) -> bytes:
        return shapes.answer(member=shapes.status_of(self.members.look(member)))

    def _accounts(self, request: web.Request, member: Member) -> bytes:
        world = self._bank.desk_of(member.grant).world
        listed = [
            shapes.account(
                each,
                [stated for stated in member.balances if stated.account == each.external_id],
                member.names,
            )
            for each in world.accounts
        ]
        return page_of(request, "accounts", listed if member.heard else [])

    def _holdings(self, request: web.Request, member: Member) -> bytes:
        listed = [shapes.holding(one, member.user) for one in member.holdings]
        return page_of(request, "investment_holdings", listed)

    def _transactions(self, request: web.Request, member: Member) -> bytes:
        self._mutate(request, member)
        world = self._bank.desk_of(member.grant).world
        rows = list(found(request, member.rows, world.today))
        page, per_page = place(request)
        homes = {each.external_id: each.currency for each in world.accounts}
        part = rows[(page - 1) * per_page : page * per_page]
        listed = [
            shapes.transaction(one.row, one.changed, member.names, homes[one.row.account])
            for one in part
        ]
        if member.grant.scenario is Scenario.NO_IDS:
            for shape, no_id in zip(listed, cycle(NO_IDS), strict=False):
                shape["guid"] = no_id
        self._bank.counters["rows"] += len(listed)
        where = shapes.pagination(page, per_page, len(rows))
        return shapes.answer(transactions=listed, pagination=where)

    def _mutate(self, request: web.Request, member: Member) -> None:
        """Read the bank anew between two pages, twice in a login's life, where it moves so."""
        grant = member.grant
        moves = grant.scenario is Scenario.MUTATION and grant.faults < MUTATIONS
        if moves and place(request)[0] > 1:
            grant.faults += 1
            steps.shifting(self._bank.desk_of(grant).world)
            self.members.read(member)


_CONTENT = web.RequestKey("content", dict[str, object])


def _plain(tell: Tell) -> Handler:
    """Return a handler for what needs nobody's consent: None is an answer without a word."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request.app[BANK].counters["requests:token"] += 1
        try:
            request[_CONTENT] = await _object(request)
            _check_caller(request)
            told, status = tell(request), 200
        except Refusal as refusal:
            status = refusal.status
            told = shapes.complain(status, refusal.code, refusal.message)
        if told is None:
            return web.Response(status=204)
        answer = json_bytes(told, status=status)
        answer.content_type = MEDIA
        return answer

    return handle


async def _object(request: web.Request) -> dict[str, object]:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=dict[str, object])
    except msgspec.DecodeError:
        raise Refusal(400, "invalid_request", "the body is no JSON object") from None


def _check_caller(request: web.Request) -> None:
    """See that it is us, and that we ask for what is told here. Raises Refusal."""
    keys = b64encode(f"{CLIENT_ID}:{API_KEY}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {keys}":
        raise Refusal(401, "unauthorized", "invalid client id or API key")
    if request.headers.get("Accept") not in {MEDIA, "*/*"}:
        raise Refusal(406, "not_acceptable", f"ask for {MEDIA}")


def _joined(url: str, **query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _options(url: str) -> Mapping[str, str]:
    return {
        "url": f"{url}{PREFIX}",
        "client_id": CLIENT_ID,
        "api_key": API_KEY,
        "zone": ZONE,
    }


FACE = Face("mx", lambda bank: MXFace(bank).routes(), _options)
