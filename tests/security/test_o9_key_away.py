"""O9, K5: a key that cannot be reached loses nothing that a bank gave, or is to be told."""

from dataclasses import dataclass, field, replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.db import hooks
from penstock.db.credentials import credentials
from penstock.db.hooks import SubscriptionRow, hook_events
from penstock.db.revocations import revocations
from penstock.domain.errors import KeyAway, KeyWrong, SealBroken, VaultError
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.revoking import HEAD_START, LONGEST
from penstock.engine.seal import Seals
from penstock.vault.cipher import Cipher, Keys, OneKey, Place
from penstock.vault.key import Key
from tests.databases import Database
from tests.engine.bench import Watch
from tests.engine.hooking import hooked, is_due, linked, moved, take
from tests.engine.house import KEY, House
from tests.engine.linking import asked_for_tokens, at_home, come_back, finish
from tests.engine.test_forget import good, tokens
from tests.engine.token_desk import Desk, at_desk, fresh
from tests.security.test_o9_disconnect import down, end, revoker


@dataclass
class Cut:
    """Keys that cannot be reached, or only so often not."""

    error: VaultError = field(default_factory=KeyAway)
    keys: Keys = field(default_factory=lambda: OneKey(Key.parse(Secret(KEY))))
    times: float = float("inf")

    def present(self, owner: str) -> tuple[str, AESGCM]:
        self._fail()
        return self.keys.present(owner)

    def named(self, name: str, at: Place) -> AESGCM:
        self._fail()
        return self.keys.named(name, at)

    def _fail(self) -> None:
        if self.times > 0:
            self.times -= 1
            raise self.error


class OnlyOpens(Cipher):
    """Opens as before, and seals under other keys."""

    def __init__(self, opens: Cipher, keys: Keys) -> None:
        super().__init__(keys)
        self._opens = opens

    def open(self, sealed: str, at: Place) -> Secret:
        return self._opens.open(sealed, at)


def sealing(seals: Seals, keys: Keys) -> Seals:
    """Return seals that open as these do, and seal under other keys."""
    return Seals(OnlyOpens(seals.cipher, keys))


@pytest.mark.parametrize("error", [KeyAway("KMS is down."), KeyWrong("The key is disabled.")])
def test_what_cannot_be_opened_now_is_revoked_later(database: Database, error: VaultError) -> None:
    """O9: while the key is away the queue waits; nothing of it is wiped, or taken for broken."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        number = await home.link()
        given = await tokens(home, number)
        await end(home, number, send_for=down, clock=watch)
        before = (await home.all(revocations.select()))[0]
        watch.now += HEAD_START
        assert await revoker(home, watch, seals=Seals(Cipher(Cut(error)))).pass_once() == 1
        (row,) = await home.all(revocations.select())
        assert (row.access, row.refresh, row.failure) == (
            before.access,
            before.refresh,
            error.message,
        )
        assert row.next_at > watch.now
        watch.now += LONGEST
        assert await revoker(home, watch).pass_once() == 1
        assert await good(home, given) == [False, False]
        assert await home.all(revocations.select()) == []

    at_home(database, story)


def test_what_was_altered_is_given_up(database: Database) -> None:
    """O9: tokens that no key will ever open are wiped, and that they were not revoked is said."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        await end(home, await home.link(), send_for=down, clock=watch)
        watch.now += HEAD_START
        broken = Seals(Cipher(Cut(SealBroken("It was altered."))))
        assert await revoker(home, watch, seals=broken).pass_once() == 1
        (row,) = await home.all(revocations.select())
        assert (row.access, row.next_at, row.failure) == (None, None, "It was altered.")

    at_home(database, story)


def test_no_token_is_asked_for_that_cannot_be_kept(database: Database) -> None:
    """K5: the bank, which gives a new token once, is not asked while it could not be sealed."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        base = desk.tokens()
        await base.current()
        keys = Cut()
        with pytest.raises(KeyAway):
            await replace(base, seals=sealing(base.seals, keys)).renew(opened)
        assert desk.forms == []
        keys.times = 0
        desk.says = [fresh(2)]
        renewed = await replace(base, seals=sealing(base.seals, keys)).renew(opened)
        assert renewed.access == Secret("access-2")

    at_desk(database, story)


def test_a_token_outlives_a_key_that_goes_away(database: Database) -> None:
    """sync.md 25: the key goes away while the bank thinks: the new token is sealed once it can."""

    async def story(desk: Desk) -> None:
        opened = await desk.store()
        base, keys = desk.tokens(), Cut(times=0)

        async def send(_request: Request) -> Response:
            keys.times = 3
            return fresh(2)

        seals = sealing(base.seals, keys)
        renewed = await replace(base, seals=seals, send=send).renew(opened)
        assert renewed.refresh == Secret("refresh-2")
        assert (await desk.stored()).version == 2

    at_desk(database, story)


def test_a_code_that_cannot_be_kept_is_not_exchanged(database: Database) -> None:
    """K5: a link ends before the bank gives tokens for which there is no key."""

    async def story(home: House) -> None:
        linker = home.penstock.linker
        back = await come_back(home)
        before = asked_for_tokens(home)
        away = sealing(linker.seals, Cut())
        with pytest.raises(KeyAway):
            await finish(home, back, linker=replace(linker, seals=away))
        assert asked_for_tokens(home) == before
        assert await home.all(credentials.select()) == []

    at_home(database, story)


def test_what_was_pasted_is_claimed_only_where_it_can_be_kept(database: Database) -> None:
    """K5: a token that can be claimed once is good still when the key is here again."""

    async def story(home: House) -> None:
        asked = home.bank.counters.total()
        linker = home.penstock.linker
        with pytest.raises(KeyAway):
            await replace(linker, seals=Seals(Cipher(Cut()))).paste(
                home.owner_id, "simplefin", Secret("aHR0cDovLzEyNy4wLjAuMS94")
            )
        assert home.bank.counters.total() == asked

    hooked(database, story)


def test_a_webhook_is_not_dropped_for_want_of_a_key(database: Database) -> None:
    """28, K5: what waits to be verified waits for the key too."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        inbox = home.penstock.inbox
        sealed = inbox.seals.seal_hook(Secret("a secret"), connection, home.owner_id)
        now = home.penstock.clock()
        row = SubscriptionRow(connection, "https://x.example", "w", sealed, now)
        await home.penstock.database.write(hooks.save_subscription, row)
        await take(home, "plaid", connection, moved(home)[0])
        away = replace(inbox, seals=Seals(Cipher(Cut())))
        assert await away.verify_waiting() == 1
        (event,) = await home.all(hook_events.select())
        assert event.body is not None
        assert not await is_due(home, connection)

    hooked(database, story)
