"""MX's own examples, as its specification gives them field by field."""

import json
from functools import cache
from typing import Any

import pytest

from penstock.connectors.mx_accounts import parse_institutions
from penstock.connectors.mx_app import Login, login_of
from penstock.connectors.mx_holdings import parse_holdings
from penstock.connectors.mx_rows import parse_rows
from penstock.connectors.mx_status import parse_member, parse_members
from penstock.domain.holding import SecurityType
from penstock.domain.link_plan import Errand, Return
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Response
from tests.connectors.driving import by_hand
from tests.connectors.mx_operations import OPERATIONS, at
from tests.connectors.mx_samples import Told, specification
from tests.sandbox.visitor import NOON, REDIRECT


@cache
def examples() -> dict[str, bytes]:
    """Return what the official examples of the fields make of each answer."""
    yaml: Any = pytest.importorskip("yaml")
    with specification().open("rb") as text:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    told = {}
    for name, (method, path, status, _) in OPERATIONS.items():
        answer = document["paths"][path][method.lower()]["responses"][status]
        schema = answer["content"]["application/vnd.mx.api.v1+json"]["schema"]
        told[name] = json.dumps(_example(schema, document), default=str).encode()
    return told


def _example(schema: Any, document: Any) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(document["components"]["schemas"][name], document)
    if "example" in schema:
        return schema["example"]
    if "allOf" in schema:
        return {
            key: value
            for part in schema["allOf"]
            for key, value in _example(part, document).items()
        }
    if schema.get("type") == "array":
        return [_example(schema["items"], document)]
    fields = schema.get("properties", {})
    return {name: _example(field, document) for name, field in fields.items()}


def test_the_official_examples_are_understood() -> None:
    """A discovery, a pull and both halves of a link, with nothing but MX's own examples."""
    told = examples()
    connector = at("https://mx.test")
    _, discovery = by_hand(
        connector.discover(), lambda request: Response(200, {}, told[request.endpoint])
    )
    (account,) = discovery.accounts
    assert (account.name, account.mask, account.currency) == ("Test account 2", "5366", "USD")
    assert discovery.institution.external_id == "mxbank"
    currencies = {json.loads(told["transactions"])["transactions"][0]["account_guid"]: "USD"}
    (row,) = parse_rows(told["transactions"], currencies).upserts
    assert (str(row.amount), row.currency) == ("5003.90", "USD")
    assert (row.description, row.reference) == ("MX TECHNOLOGIES PAYMENT", "Transactions")
    assert f"{row.booked_on}" == "2024-12-20"
    (held,) = parse_holdings(told["investment_holdings"], {}, NOON).seen
    assert (held.type, held.name) == (SecurityType.FUND, "Guggenheim Defensive Equity ETF")
    assert (str(held.quantity), str(held.value)) == ("5000", "989.50")
    for name in ("member", "status", "aggregate"):
        assert parse_member(told[name]).connection_status == "CONNECTED"
        assert connector.classify(Response(200, {}, told[name])).kind is VerdictKind.OK
    assert [one.name for one in parse_institutions(told["institutions"])] == ["MX Bank"]
    (plan,) = connector.link_plans
    user = json.loads(told["user"])["user"]["guid"]
    answers: dict[str, bytes | int] = {
        "POST /users": told["user"],
        f"POST /users/{user}/widget_urls": told["widget"],
    }
    sent = Told(answers).run(plan.begin(Errand(REDIRECT, "s", {})))
    assert sent.url.startswith("https://int-widgets.moneydesktop.com/")
    (member,) = parse_members(told["members"])
    answers = {
        f"GET /users/{user}/members": told["members"],
        f"GET /users/{user}/members/{member.guid}": told["member"],
    }
    granted = Told(answers).run(plan.finish(Return({"state": "s"}, REDIRECT, sent.note)))
    assert login_of(granted.credentials) == Login(user, str(member.guid))
