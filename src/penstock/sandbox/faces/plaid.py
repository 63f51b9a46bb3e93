"""The world as Plaid would tell it (https://plaid.com/docs/api/, version 2020-09-14).

    POST /plaid/link/token/create            arranges a visit: `hosted_link_url`
    POST /plaid/link/token/get               what came of it: public tokens
    POST /plaid/item/public_token/exchange   the access token of a new Item
    POST /plaid/item/get
    POST /plaid/item/remove
    POST /plaid/item/webhook/update, /plaid/webhook_verification_key/get
    POST /plaid/accounts/get
    POST /plaid/institutions/get_by_id, /plaid/institutions/search, /plaid/institutions/get
    POST /plaid/transactions/sync            added / modified / removed, next_cursor, has_more

Every request is a JSON object with our keys in its headers (or in the object itself), and the
access token in the object. What Plaid's protocol cannot say is left out: what was paid abroad,
value days, opening balances.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.delta import Slice
from penstock.sandbox.faces import plaid_shapes as shapes
from penstock.sandbox.faces.answers import BANK, Refusal, Reply, json_bytes, refuse_dead
from penstock.sandbox.faces.deltas import next_page
from penstock.sandbox.faces.face import Face
from penstock.sandbox.faces.plaid_link import LinkFace
from penstock.sandbox.faces.plaid_webhooks import WebhookFace
from penstock.sandbox.faces.resource import resource
from penstock.sandbox.faults import Place
from penstock.sandbox.plan import ZONE
from penstock.sandbox.scenario import Scenario

PREFIX = "/plaid"
CLIENT_ID = "penstock-plaid"
SECRET = "sandbox-plaid-secret"  # noqa: S105  opens nothing but the fake bank
MOST_ROWS, USUAL_ROWS = 500, 100

Asked = Mapping[str, object]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Admit = Callable[[Bank, Asked], Grant]
Tell = Callable[[Bank, Grant, Asked], bytes]
_NOT_READY = shapes.answer(
    added=[],
    modified=[],
    removed=[],
    accounts=[],
    next_cursor="",
    has_more=False,
    transactions_update_status="NOT_READY",
)


def _routes(bank: Bank) -> list[web.RouteDef]:
    """Return every route."""
    link = LinkFace(bank)
    webhooks = WebhookFace(bank.options.clock)

    def update(bank: Bank, grant: Grant, asked: Asked) -> bytes:
        url = webhooks.update(bank.hooks, grant, asked)
        return shapes.answer(item=_item_shape(bank, grant) | {"webhook": url})

    of_nobody: dict[str, Callable[[Asked], bytes]] = {
        "link/token/create": link.create,
        "link/token/get": link.get,
        "item/public_token/exchange": link.exchange,
        "institutions/get_by_id": _institution,
        "institutions/search": _search,
        "institutions/get": _list,
        "webhook_verification_key/get": webhooks.key,
    }
    of_items: dict[str, tuple[Place, Admit, Tell]] = {
        "item/get": (Place.ACCOUNTS, _known, _item),
        "item/remove": (Place.ACCOUNTS, _known, _remove),
        "item/webhook/update": (Place.ACCOUNTS, _known, update),
        "accounts/get": (Place.BALANCES, _alive, _accounts),
        "transactions/sync": (Place.TRANSACTIONS, _alive, _sync),
    }
    return [
        *(web.post(f"{PREFIX}/{path}", _plain(tell)) for path, tell in of_nobody.items()),
        *(web.post(f"{PREFIX}/{path}", _of_item(*how)) for path, how in of_items.items()),
    ]


def _plain(tell: Callable[[Asked], bytes]) -> Handler:
    """Return a handler for what is of no Item (yet)."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request.app[BANK].counters["requests:token"] += 1
        asked = await _object(request)
        try:
            _check_keys(request, asked)
            return json_bytes(tell(asked))
        except Refusal as refusal:
            body = shapes.complain(refusal.status, refusal.code, refusal.message)
            return json_bytes(body, status=refusal.status)

    return handle


def _of_item(place: Place, admit: Admit, tell: Tell) -> Handler:
    """Return a handler for what is told of an Item."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = await _object(request)
        bank = request.app[BANK]

        def admitted(bank: Bank, request: web.Request) -> Grant:
            _check_keys(request, asked)
            return admit(bank, asked)

        reply = Reply(
            place,
            lambda grant: tell(bank, grant, asked),
            shapes.complain,
            _NOT_READY if place is Place.TRANSACTIONS else b"",
            headers=lambda _bank, _grant: {},
            admit=admitted,
        )
        return await resource(request, reply)

    return handle


async def _object(request: web.Request) -> Asked:
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, object])
    except msgspec.DecodeError:
        return {}


def _check_keys(request: web.Request, asked: Asked) -> None:
    keys = (
        request.headers.get("PLAID-CLIENT-ID") or asked.get("client_id"),
        request.headers.get("PLAID-SECRET") or asked.get("secret"),
    )
    if keys != (CLIENT_ID, SECRET):
        raise Refusal(400, "invalid_keys", "invalid client_id or secret provided")


def _known(bank: Bank, asked: Asked) -> Grant:
    """Return the grant of an access token, however its consent stands."""
    grant = bank.authority.admit(str(asked.get("access_token")))
    if grant is None:
        raise Refusal(400, "invalid_token", "could not find matching access token")
    return grant


def _alive(bank: Bank, asked: Asked) -> Grant:
    grant = _known(bank, asked)
    _refuse_dead(bank, grant)
    return grant


def _refuse_dead(bank: Bank, grant: Grant) -> None:
    """Raise Refusal for an Item that needs its person: with a 400, as for everything."""
    try:
        refuse_dead(bank, grant)
    except Refusal as refusal:
        raise Refusal(400, refusal.code, "the login details of this item have changed") from None


def _item_shape(bank: Bank, grant: Grant) -> shapes.Shape:
    dead = None
    try:
        refuse_dead(bank, grant)
    except Refusal as refusal:
        dead = shapes.error(refusal.code, "the login details of this item have changed")
    return shapes.item(grant, dead)


def _item(bank: Bank, grant: Grant, _asked: Asked) -> bytes:
    updated = {
        "last_successful_update": shapes.instant(bank.desk_of(grant).world.now),
        "last_failed_update": None,
    }
    status = {"transactions": updated, "investments": None, "last_webhook": None}
    return shapes.answer(item=_item_shape(bank, grant), status=status)


def _remove(bank: Bank, grant: Grant, _asked: Asked) -> bytes:
    bank.counters["requests:revoke"] += 1
    bank.authority.end(grant, ConsentState.REVOKED)
    return shapes.answer()


def _accounts(bank: Bank, grant: Grant, _asked: Asked) -> bytes:
    world = bank.desk_of(grant).world
    return shapes.answer(accounts=shapes.accounts(world), item=_item_shape(bank, grant))


def _institution(asked: Asked) -> bytes:
    if asked.get("institution_id") != shapes.INSTITUTION["institution_id"]:
        raise Refusal(400, "invalid_request", "there is no such institution")
    return shapes.answer(institution=shapes.institution())


def _search(asked: Asked) -> bytes:
    words = str(asked.get("query") or "")
    if not words:
        raise Refusal(400, "invalid_request", "query must be a non-empty value")
    fits = words.lower() in str(shapes.INSTITUTION["name"]).lower()
    return shapes.answer(institutions=[shapes.institution()] * fits)


def _list(_asked: Asked) -> bytes:
    return shapes.answer(institutions=[shapes.institution()], total=1)


def _sync(bank: Bank, grant: Grant, asked: Asked) -> bytes:
    cursor = asked.get("cursor")
    try:
        found, after = next_page(bank, grant, str(cursor) if cursor else None, _count(asked))
    except Refusal as refusal:
        raise Refusal(400, refusal.code, refusal.message) from None
    world = bank.desk_of(grant).world
    history = [world.history.row(index) for index in found.history]
    if grant.scenario is Scenario.NO_IDS:
        rows = shapes.nameless([*history, *found.added, *found.modified])
        found = Slice(found.history, [], [], [], found.after, found.more)
    else:
        rows = shapes.transactions([*history, *found.added])
    return shapes.answer(
        added=rows,
        modified=shapes.transactions(found.modified),
        removed=shapes.removals(found.removed),
        accounts=shapes.accounts(world),
        next_cursor=after,
        has_more=found.more,
        transactions_update_status="HISTORICAL_UPDATE_COMPLETE",
    )


def _count(asked: Asked) -> int:
    count = asked.get("count", USUAL_ROWS)
    if not isinstance(count, int) or not 1 <= count <= MOST_ROWS:
        raise Refusal(400, "invalid_request", f"count must be between 1 and {MOST_ROWS}")
    return count


FACE = Face(
    "plaid",
    _routes,
    lambda url: {
        "url": f"{url}{PREFIX}",
        "client_id": CLIENT_ID,
        "secret": SECRET,
        "zone": ZONE,
    },
)
