"""T3: an access token lasts ten minutes, and the end of its session is seen in five seconds."""

from collections.abc import Awaitable, Callable

import pytest

from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.tokens import LIFETIME, TokenBad
from tests.api.serving import Api
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play


def test_ten_minutes(api: Api) -> None:
    """T3: after ten minutes a token is over, live as its session may be."""
    assert LIFETIME.total_seconds() <= 600
    client = api.signed_in()
    api.clock.advance(minutes=9, seconds=59)
    assert client.get("/v1/me").status_code == 200
    api.clock.advance(seconds=1)
    assert client.get("/v1/me").status_code == 401


async def _sign_out(house: House, caller: Caller) -> None:
    await house.identity.sign_out(caller)


async def _end(house: House, caller: Caller) -> None:
    await house.identity.end_session(caller.session_id, user_id=caller.user_id)


async def _disable(house: House, caller: Caller) -> None:
    await house.disable(caller.username)


async def _change_password(house: House, caller: Caller) -> None:
    issued = await house.identity.sign_in("ada", GOOD, HOME)
    other = await house.identity.authenticate(issued.access.reveal())
    assert other.user_id == caller.user_id
    await house.identity.change_password(other, GOOD, Secret("another good one"))


ENDS: dict[str, Callable[[House, Caller], Awaitable[None]]] = {
    "signing out": _sign_out,
    "ending the session": _end,
    "disabling the person": _disable,
    "changing the password elsewhere": _change_password,
}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_the_end_is_seen(database: Database, name: str) -> None:
    """T3: here at once, in every other process within five seconds, however busy it is."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        issued = await house.identity.sign_in("ada", GOOD, HOME)
        token, other = issued.access.reveal(), house.another()
        caller = await house.identity.authenticate(token)
        await other.authenticate(token)
        await ENDS[name](house, caller)
        with pytest.raises(TokenBad):
            await house.identity.authenticate(token)
        for _ in range(4):  # being asked all the time does not put it off
            house.clock.advance(seconds=1)
            await other.authenticate(token)
        house.clock.advance(seconds=1)
        with pytest.raises(TokenBad):
            await other.authenticate(token)
        other.close()

    play(database.url, story)
