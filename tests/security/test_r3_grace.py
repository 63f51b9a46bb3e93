"""R3: whose answer was lost is told it again, if they prove to be the same; nobody else is."""

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.db.refresh_tokens import refresh_tokens
from penstock.db.sessions import sessions
from penstock.domain.secret import Secret
from penstock.identity.identity import Issued
from penstock.identity.purpose import OURS, Presenter, Purpose
from penstock.identity.sessions import GRACE, OVERLAP, Ended, RefreshRefused
from penstock.identity.tokens import TokenBad
from tests.databases import Database, Databases
from tests.identity.house import GOOD, HOME, House, play

KEY = "the thumbprint of a key"
BOUND = Purpose(key_thumbprint=KEY)
OWNER = Presenter(key_thumbprint=KEY)
CONFIDENTIAL = Presenter("budget-app", authenticated=True)

PROVED = [
    pytest.param(BOUND, OWNER, id="a key"),
    pytest.param(Purpose(client_id="budget-app"), CONFIDENTIAL, id="a secret"),
]


async def begun(house: House, purpose: Purpose) -> Issued:
    """Begin a session of Ada's."""
    user_id = await house.identity.add_user("ada", GOOD)
    return await house.identity.begin_session(user_id, HOME, purpose)


async def renewed(house: House, token: Secret, presenter: Presenter) -> Issued | None:
    """Refresh; None where it is refused."""
    try:
        return await house.identity.refresh(token, None, presenter)
    except RefreshRefused:
        return None


async def why_ended(house: House) -> str | None:
    """Return why the only session ended."""

    def read(connection: sa.Connection) -> str | None:
        told = connection.execute(sa.select(sessions.c.ended_why)).scalar_one()
        return told and str(told)

    return await house.database.read(read)


@pytest.mark.parametrize(("purpose", "presenter"), PROVED)
def test_a_lost_answer_is_told_again(
    database: Database, purpose: Purpose, presenter: Presenter
) -> None:
    """R3: within thirty seconds the parent is answered once more: the same, only child."""

    async def story(house: House) -> None:
        first = await begun(house, purpose)
        lost = await renewed(house, first.refresh, presenter)
        house.clock.advance(seconds=GRACE.total_seconds())
        again = await renewed(house, first.refresh, presenter)
        assert lost is not None
        assert again is not None
        assert again.refresh == lost.refresh
        await house.identity.authenticate(again.access.reveal())
        assert await renewed(house, again.refresh, presenter) is not None

    play(database.url, story)


def test_the_grace_is_thirty_seconds(database: Database) -> None:
    """R3: a second later it is no lost answer but reuse, and all ends."""

    async def story(house: House) -> None:
        first = await begun(house, BOUND)
        second = await renewed(house, first.refresh, OWNER)
        assert second is not None
        house.clock.advance(seconds=GRACE.total_seconds() + 1)
        assert await renewed(house, first.refresh, OWNER) is None
        assert await why_ended(house) == Ended.REUSED
        assert await renewed(house, second.refresh, OWNER) is None
        with pytest.raises(TokenBad):
            await house.identity.authenticate(second.access.reveal())

    play(database.url, story)


def test_no_grandparent_is_let_off(database: Database) -> None:
    """R3: once the successor was used, its parent ends the family, key or no key."""

    async def story(house: House) -> None:
        first = await begun(house, BOUND)
        second = await renewed(house, first.refresh, OWNER)
        assert second is not None
        third = await renewed(house, second.refresh, OWNER)
        assert third is not None
        assert await renewed(house, first.refresh, OWNER) is None
        assert await why_ended(house) == Ended.REUSED
        assert await renewed(house, third.refresh, OWNER) is None

    play(database.url, story)


STRANGERS = {
    "another key": Presenter(key_thumbprint="another"),
    "no key": OURS,
    "another client": Presenter("budget-app", KEY),
    "another client with a secret": Presenter("budget-app", KEY, authenticated=True),
}


@pytest.mark.parametrize("name", sorted(STRANGERS))
def test_only_the_same_is_let_off(database: Database, name: str) -> None:
    """R3: the parent from another client or with another key is reuse at once: the family ends."""

    async def story(house: House) -> None:
        first = await begun(house, BOUND)
        second = await renewed(house, first.refresh, OWNER)
        assert second is not None
        assert await renewed(house, first.refresh, STRANGERS[name]) is None
        assert await why_ended(house) == Ended.REUSED
        assert await renewed(house, second.refresh, OWNER) is None

    play(database.url, story)


def test_nobody_is_told_again_who_proves_nothing(database: Database) -> None:
    """R3: a bearer token, which anybody may have found, gives its child once only."""

    async def story(house: House) -> None:
        first = await begun(house, Purpose())
        assert await renewed(house, first.refresh, OURS) is not None
        assert await renewed(house, first.refresh, OURS) is None
        assert await why_ended(house) is None
        house.clock.advance(seconds=OVERLAP.total_seconds() + 1)
        assert await renewed(house, first.refresh, OURS) is None
        assert await why_ended(house) == Ended.REUSED

    play(database.url, story)


@dataclass
class Family:
    """What must be true of a family: each token's parent, when each was used."""

    tokens: list[Secret] = field(default_factory=list)
    used_at: dict[int, float] = field(default_factory=dict)
    ended: bool = False


STEP = st.tuples(
    st.integers(0, 3),  # how far back from the newest token
    st.sampled_from([0, 1, 9, 10, 11, 29, 30, 31]),  # seconds that pass before
    st.booleans(),  # with the right key
)


@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(bound=st.booleans(), steps=st.lists(STEP, max_size=8))
def test_in_every_history_one_child_lives(
    sqlite_databases: Databases, *, bound: bool, steps: list[tuple[int, int, bool]]
) -> None:
    """R3, R4: whatever comes in whatever order, a live family has one live token, an ended none.

    What is refused and what is not is as the rules say; the two never differ.
    """

    async def story(house: House) -> None:
        first = await begun(house, BOUND if bound else Purpose())
        family, clock = Family([first.refresh]), 0.0
        for back, seconds, right in steps:
            house.clock.advance(seconds=seconds)
            clock += seconds
            number = max(0, len(family.tokens) - 1 - back)
            presenter = OWNER if bound and right else OURS
            wanted = expected(family, number, clock, bound=bound, right=right or not bound)
            got = await renewed(house, family.tokens[number], presenter)
            assert (got is not None) == (wanted is not None)
            if got is not None and wanted == len(family.tokens):
                family.tokens.append(got.refresh)
            elif got is not None and wanted is not None:
                assert got.refresh == family.tokens[wanted]
            assert await house.database.read(live) == (0 if family.ended else 1)

    with sqlite_databases.fresh() as database:
        play(database.url, story)


def expected(family: Family, number: int, now: float, *, bound: bool, right: bool) -> int | None:
    """Return which token must be given, by its number; None: it must be refused."""
    newest = len(family.tokens) - 1
    if family.ended or (number == newest and not right):
        return None
    if number == newest:
        family.used_at[number] = now
        return newest + 1
    passed = now - family.used_at[number]
    if number == newest - 1 and right and passed <= (30 if bound else 10):
        return newest if bound else None
    family.ended = True
    return None


def live(connection: sa.Connection) -> int:
    """Count the tokens that would be taken."""
    query = (
        sa.select(sa.func.count())
        .select_from(refresh_tokens.join(sessions))
        .where(refresh_tokens.c.used_at.is_(None), sessions.c.ended_at.is_(None))
    )
    return int(connection.execute(query).scalar_one())
