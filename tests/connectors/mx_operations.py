"""What of MX's specification we use, how it is asked for, and the connector that asks."""

from dataclasses import replace
from typing import Any

from penstock.connectors.mx import MX
from penstock.connectors.mx_app import App, Login
from penstock.domain.request import Request
from penstock.domain.secret import Secret
from penstock.sandbox.faces.mx import API_KEY, CLIENT_ID
from tests.connectors.linking import connector_at

LOGIN = Login("USR-1", "MBR-1")
NEW_USER = {"user": {"id": "x"}}
WIDGET = {"widget_url": {"widget_type": "connect_widget"}}
OPERATIONS: dict[str, tuple[str, str, str, Any]] = {
    "user": ("POST", "/users", "200", NEW_USER),
    "widget": ("POST", "/users/{user_guid}/widget_urls", "200", WIDGET),
    "members": ("GET", "/users/{user_guid}/members", "200", None),
    "member": ("GET", "/users/{user_guid}/members/{member_guid}", "200", None),
    "aggregate": ("POST", "/users/{user_guid}/members/{member_guid}/aggregate", "202", None),
    "status": ("GET", "/users/{user_guid}/members/{member_guid}/status", "200", None),
    "accounts": ("GET", "/users/{user_guid}/members/{member_guid}/accounts", "200", None),
    "transactions": ("GET", "/users/{user_guid}/members/{member_guid}/transactions", "200", None),
    "investment_holdings": (
        "GET",
        "/users/{user_guid}/members/{member_guid}/investment_holdings",
        "200",
        None,
    ),
    "institutions": ("GET", "/institutions", "200", None),
}
"""Everything that we ask of MX and that has an answer: method, path, status, and what is sent."""


def at(url: str) -> MX:
    """Return the connector as it speaks to an address."""
    made = connector_at("mx", url)
    assert isinstance(made, MX)
    return replace(made, app=App(url, CLIENT_ID, Secret(API_KEY)))


def request_for(name: str, url: str) -> Request:
    """Return the least that is asked there."""
    method, path, _, content = OPERATIONS[name]
    named = path.format(user_guid=LOGIN.user, member_guid=LOGIN.member)
    return at(url).app.ask(method, named.lstrip("/"), content=content)
