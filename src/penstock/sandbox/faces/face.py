"""A face: a protocol that the bank speaks, and what a program has to be told to speak it here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from penstock.sandbox.bank import Bank
from penstock.sandbox.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Face:
    """What a face's file declares, for the list of them all.

    `name` is the connector's. `options` are what the connector is told, given the address of the
    bank: `{"url": …, "client_id": …}`. `pasted` makes what a person pastes, where they do.
    """

    name: str
    routes: Callable[[Bank], list[web.RouteDef]]
    options: Callable[[str], Mapping[str, str]]
    pasted: Callable[[Bank, str, Scenario], str] | None = None
