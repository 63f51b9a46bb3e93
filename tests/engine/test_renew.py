"""Consent is given again in place, or by a token that the person pastes."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from penstock.db import due
from penstock.db.connections import connections, mark_disconnected
from penstock.db.credentials import SealedCredentials, credentials, find
from penstock.db.transactions import transactions
from penstock.domain.consent import ConsentState
from penstock.domain.errors import Conflict, InvalidInput, NotFound
from penstock.domain.outcome import Outcome
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.engine.admission import MOST_TOKEN
from penstock.wiring import connectors_of
from tests.databases import Database
from tests.engine.house import CALLBACK, House
from tests.engine.linking import at_home
from tests.engine.midway import held_while_reading

TOKEN = "eyJhbGciOiJQUzI1NiJ9.personal-token.x_y-z"


async def stored(home: House, connection_id: int) -> SealedCredentials:
    """Return a connection's credentials as they are stored."""
    found = await home.penstock.database.read(find, connection_id)
    assert found is not None
    return found


async def connection(home: House, connection_id: int) -> Any:
    """Return a connection's row."""
    (row,) = await home.all(connections.select().where(connections.c.id == connection_id))
    return row


async def opened(home: House, connection_id: int) -> str:
    """Return the access token that a connection has."""
    sealed = await stored(home, connection_id)
    return home.penstock.linker.seals.open(sealed, home.owner_id).access.reveal()


def test_renewal_keeps_the_connection(database: Database) -> None:
    """sync.md 26: the same connection, newer credentials, active again, due at once; no doubles."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        before = await stored(home, number)
        spoil = connections.update().values(
            consent=ConsentState.EXPIRED, failures=3, remedy_text="Renew.", next_sync_at=None
        )
        note = transactions.update().values(note="mine")
        for statement in (spoil, note):
            await home.penstock.database.write(lambda one, what: one.execute(what), statement)
        assert await home.link(renew=number) == number
        after = await stored(home, number)
        assert after.version == before.version + 1
        assert after.access != before.access
        row = await connection(home, number)
        assert (row.consent, row.failures, row.remedy_text) == (ConsentState.ACTIVE, 0, None)
        assert row.next_sync_at is not None
        ending, run = await home.sync(number)
        assert (ending.outcome, run.tally.inserted) == (Outcome.DONE, 0)
        assert {row.note for row in await home.all(transactions.select())} == {"mine"}
        assert await home.rows() == home.truth()

    at_home(database, story)


def test_only_ones_own_living_connection_is_renewed(database: Database) -> None:
    """X1, sync.md 26: another's is not found, an ended one stays ended, another bank's is told."""

    async def story(home: House) -> None:
        number = await home.link()
        linker = home.penstock.linker
        begin: dict[str, Any] = {"redirect_uri": CALLBACK, "connection_id": number}
        with pytest.raises(NotFound):
            await linker.begin(home.owner_id + 1, "sandbox", **begin)
        with pytest.raises(InvalidInput):
            await linker.paste(home.owner_id, "starling", Secret(TOKEN), connection_id=number)
        begun = await linker.begin(home.owner_id, "sandbox", **begin)
        back = await home.consent(begun.url)
        now = home.penstock.clock()
        await home.penstock.database.write(mark_disconnected, number, now=now)
        with pytest.raises(Conflict):
            await linker.begin(home.owner_id, "sandbox", **begin)
        with pytest.raises(Conflict):
            await linker.finish("sandbox", parse_qsl(urlsplit(back).query), owner_id=home.owner_id)
        assert (await connection(home, number)).disconnected_at == now

    at_home(database, story)


@pytest.mark.parametrize("old_consent", [ConsentState.REVOKED, ConsentState.ACTIVE])
def test_a_sync_with_the_old_consent_does_not_spoil_the_new_one(
    database: Database, old_consent: ConsentState
) -> None:
    """sync.md 20, 26: banks end the old consent when a new one is given, while a sync still reads.

    What that sync is told concerns the old credentials: it commits nothing more, the new consent
    stays active, and the connection is due.
    """

    async def story(home: House) -> None:
        number = await home.link()
        async with held_while_reading(home, number) as held:
            await home.link(renew=number)
            home.bank.authority.grants[0].state = old_consent
        assert held.ending is not None
        assert held.ending.outcome is not Outcome.DONE
        assert not held.again
        assert await home.rows() == {}
        row = await connection(home, number)
        assert (row.consent, row.remedy_text, row.failures) == (ConsentState.ACTIVE, None, 0)
        found = await home.penstock.database.read(due.find, now=home.penstock.clock(), limit=9)
        assert [one.connection_id for one in found] == [number]
        ending, _ = await home.sync(number)
        assert ending.outcome is Outcome.DONE
        assert await home.rows() == home.truth()

    at_home(database, story)


def test_a_pasted_token_opens_a_connection(database: Database) -> None:
    """Security, O: a token made at the provider is sealed for its row, and nobody asks for it."""

    async def story(home: House) -> None:
        linker = home.penstock.linker
        number = await linker.paste(home.owner_id, "starling", Secret(f"  {TOKEN}\n"))
        sealed = await stored(home, number)
        assert TOKEN not in str(sealed)
        assert (sealed.refresh, sealed.expires_at, sealed.version) == (None, None, 1)
        assert await opened(home, number) == TOKEN
        row = await connection(home, number)
        assert (row.connector, row.consent) == ("starling", ConsentState.ACTIVE)
        assert (row.consent_expires_at, row.next_sync_at) == (None, row.created_at)
        again = await linker.paste(
            home.owner_id, "starling", Secret("another"), connection_id=number
        )
        assert again == number
        assert await opened(home, number) == "another"
        assert (await stored(home, number)).version == 2

    at_home(database, story)


HOSTILE = [
    "",
    " \n\t ",
    "two words",
    "Bearer token",
    "line\nbreak",
    "line\r\nX-Injected: yes",
    "nul\0",
    "tab\there",
    "smörgås",
    "\ud800",
    "\u202ereversed",
    "zero\u200bwidth",
    "x" * (MOST_TOKEN + 1),
]


def test_what_is_no_token_is_refused(database: Database) -> None:
    """X4: what could not stand in a header, or is no single word, is refused untold."""

    async def story(home: House) -> None:
        for text in HOSTILE:
            with pytest.raises(InvalidInput) as caught:
                await home.penstock.linker.paste(home.owner_id, "starling", Secret(text))
            assert not text.strip() or text not in caught.value.message
        longest = "x" * MOST_TOKEN
        number = await home.penstock.linker.paste(home.owner_id, "starling", Secret(longest))
        assert await opened(home, number) == longest
        assert len(await home.all(connections.select())) == 1
        assert len(await home.all(credentials.select())) == 1

    at_home(database, story)


def test_each_bank_is_linked_in_its_own_way(database: Database) -> None:
    """A bank without tokens refuses one; a bank with tokens says where they are made."""

    async def story(home: House) -> None:
        linker = home.penstock.linker
        with pytest.raises(InvalidInput):
            await linker.paste(home.owner_id, "sandbox", Secret(TOKEN))
        with pytest.raises(NotFound):
            await linker.paste(home.owner_id, "no such bank", Secret(TOKEN))
        with pytest.raises(NotFound):
            await linker.paste(home.owner_id, "starling", Secret(TOKEN), connection_id=4711)
        with pytest.raises(InvalidInput) as caught:
            await linker.begin(home.owner_id, "starling", redirect_uri=CALLBACK)
        assert caught.value.remedy is not None
        assert caught.value.remedy.kind is RemedyKind.ASK_PERSON
        assert "developer.starlingbank.com" in caught.value.remedy.text
        assert await home.all(connections.select()) == []

    at_home(database, story)


def test_a_way_to_link_that_is_gone_does_not_stop_the_end(database: Database) -> None:
    """Security, O9: a plan that this installation no longer has cannot be revoked, but is wiped.

    And a sync with it asks the person, instead of failing with a bug's name.
    """

    async def story(home: House) -> None:
        number = await home.link()
        away = credentials.update().values(plan=7)
        await home.penstock.database.write(lambda one: one.execute(away))
        home.expire_access()
        ending, _ = await home.sync(number)
        assert (ending.outcome, ending.consent) == (Outcome.CONSENT, ConsentState.LOGIN_REQUIRED)
        ended = await home.penstock.forgetter.disconnect(
            number, owner_id=home.owner_id, delete=False
        )
        assert not ended.revoked
        assert await home.all(credentials.select()) == []
        assert "sandbox" in connectors_of(home.penstock.settings)

    at_home(database, story)
