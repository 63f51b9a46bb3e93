"""How to make, for a person, each thing that a route knows by an id: one line a path parameter."""

from collections.abc import Callable, Mapping
from typing import Final

from penstock.domain.ids import public_id
from tests.api.serving import NOWHERE, Api

Maker = Callable[[Api, int], str]
"""Makes a thing of this person, and returns its public id."""


def _session(api: Api, owner_id: int) -> str:
    issued = api.play(lambda: api.identity.begin_session(owner_id, NOWHERE))
    caller = api.play(lambda: api.identity.authenticate(issued.access.reveal()))
    return public_id("ses", caller.session_id)


MAKERS: Final[Mapping[str, Maker]] = {
    "session_id": _session,
}
