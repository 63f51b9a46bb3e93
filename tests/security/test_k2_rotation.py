"""K2: keys are changed online, a crash at any step loses nothing, and the old key is unused."""

import asyncio
import itertools
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from penstock.db import vault_check
from penstock.domain.errors import Conflict, KeyMissing, KeyWrong
from penstock.domain.secret import Secret
from penstock.engine.rotate import Rotation, Turn, hanging
from penstock.sandbox.scenario import Scenario
from penstock.vault.key import Key
from penstock.vault.keys import read_key_file
from penstock.vault.source import LocalKey
from tests.databases import Database as Place
from tests.databases import Databases
from tests.engine.house import house, play
from tests.person import add_person
from tests.programs import surroundings
from tests.security.vaults import DISABLED, At, Elsewhere, Home, moved_in

ROOT = Path(__file__).resolve().parent.parent.parent
FEWEST_STEPS = 7
MOST_STEPS = 40


class Killed(BaseException):
    """The process dies here: nothing after this line happens."""


class Dying:
    """A pause that is the last thing this process does, at the step of this number."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.step = 0

    async def __call__(self) -> None:
        self.step += 1
        if self.step == self.at:
            raise Killed
        await asyncio.sleep(0)


async def on() -> None:
    """Go on at once."""
    await asyncio.sleep(0)


def changed(home: Home, at: int = 0) -> Turn:
    """Change the key file as a process that starts now does; die at that step."""
    with home.opened() as (database, _):
        return asyncio.run(Rotation(database, Dying(at)).change_file(home.files))


def old_keys(home: Home) -> list[Path]:
    """Return the files of keys that are not in force."""
    return sorted(home.folder.glob("key.*"))


@pytest.fixture
def homes(databases: Databases, tmp_path: Path) -> Iterator[Iterator[Home]]:
    """Make installations, one after another."""

    def make() -> Iterator[Home]:
        for number in itertools.count():
            with databases.fresh() as place:
                yield moved_in(place.url, tmp_path / str(number))

    made = make()
    yield made
    with suppress(RuntimeError):
        made.close()  # type: ignore[attr-defined]  # a generator


def test_a_crash_at_any_step_loses_nothing(homes: Iterator[Home]) -> None:
    """K2: killed at each step in turn, the next process opens all, and the next run ends it.

    Then the old key's file is taken away, and all that was ever sealed opens; nothing hangs on it.
    """
    for step in range(1, MOST_STEPS):
        home = next(homes)
        old = read_key_file(home.files.present)
        try:
            changed(home, at=step)
        except Killed:
            home.check_all()
            turn = changed(home)
        else:
            break
        assert old.id in turn.left
        present = read_key_file(home.files.present)
        assert present.id == turn.master_id
        for path in old_keys(home):
            path.unlink()
        home.check_all()
        with home.opened() as (database, _):
            assert database.read_now(hanging, old.id) == 0
            states = database.read_now(vault_check.states)
            assert states == {present.id: "present"}
    assert step > FEWEST_STEPS, "there were fewer steps than there are"


def test_the_old_key_opens_nothing(database: Place, tmp_path: Path) -> None:
    """K2: after a change the old key is refused, whoever brings it back."""
    home = moved_in(database.url, tmp_path / "home")
    old = read_key_file(home.files.present)
    changed(home)
    [kept] = old_keys(home)
    assert read_key_file(kept).id == old.id, "backups from its time need it"
    home.files.present.unlink()
    kept.rename(home.files.present)
    with pytest.raises(KeyWrong), home.opened():
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("step", [2, 4])
def test_a_killed_process_loses_nothing(sqlite_database: Place, tmp_path: Path, step: int) -> None:
    """K2: a process that is really killed while it changes the key leaves one that opens all."""
    home = moved_in(sqlite_database.url, tmp_path / "home")

    async def story() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.security.dying", home.url, str(home.folder), str(step)),
            cwd=ROOT,
            env=surroundings(),
            stderr=PIPE,
        )
        _, complaints = await process.communicate()
        assert process.returncode == -signal.SIGKILL, complaints.decode()

    play(story())
    home.check_all()
    changed(home)
    home.check_all()


def test_all_goes_on_while_the_key_changes(database: Place, tmp_path: Path) -> None:
    """K2, T4: under a load of syncs and sign-ins nothing fails while another process changes it.

    The running process learns of the new key by itself: it links a bank for somebody new
    afterwards, with the old key gone from the disk.
    """
    home = moved_in(database.url, tmp_path / "home")

    async def story() -> None:
        place: dict[str, Any] = {"home": home.folder, "key_source": "file", "key": None}
        async with house(database.url, **place) as running:
            connection = await running.link()
            ended = asyncio.Event()

            async def load() -> int:
                count = 0
                while not ended.is_set():
                    ending, _ = await running.sync(connection)
                    assert ending.outcome == "done", ending
                    running.expire_access()  # each sync renews its tokens, and seals them
                    count += 1
                return count

            loading = asyncio.create_task(load())
            for _ in range(3):
                await asyncio.to_thread(changed, home)
            ended.set()
            assert await loading
            for path in old_keys(home):
                path.unlink()
            running.owner_id = await running.penstock.database.write(add_person, "dora")
            ending, _ = await running.sync(await running.link(Scenario.INVESTED))
            assert ending.outcome == "done"

    play(story())
    home.check_all()


def test_a_move_elsewhere(database: Place, tmp_path: Path) -> None:
    """K2: from a file to a key far away both open it first; then the file is of no use.

    The old one is disabled and the installation restarted: all opens, and a new one is sealed.
    """
    home = moved_in(database.url, tmp_path / "home")
    far = Elsewhere("aws-kms:one")
    with home.opened() as (opened, vault):
        rotation = Rotation(opened, on, [vault.keys.source])
        asyncio.run(rotation.begin(far))
        home.check_all()
        with pytest.raises(Conflict, match="has begun"):
            asyncio.run(Rotation(opened, on).change_file(home.files))
    there = At(far)
    with home.opened(there) as (opened, vault):
        home.check(vault)
        turn = asyncio.run(Rotation(opened, on, [far]).finish(far))
        assert opened.read_now(hanging, turn.left[0]) == 0
    home.files.present.unlink()
    home.check_all(there)
    other = Elsewhere("aws-kms:two")
    with home.opened(there) as (opened, _):
        rotation = Rotation(opened, on, [far])
        asyncio.run(rotation.begin(other))
        asyncio.run(rotation.finish(other))
    far.error = DISABLED
    home.check_all(At(other))
    with pytest.raises(KeyWrong), home.opened(there):
        pass


def test_a_process_outlives_its_source(database: Place, tmp_path: Path) -> None:
    """K2: data keys are unwrapped once: with the source away, what runs goes on."""
    home = moved_in(database.url, tmp_path / "home")
    far = Elsewhere("aws-kms:one")
    with home.opened() as (opened, vault):
        rotation = Rotation(opened, on, [vault.keys.source])
        asyncio.run(rotation.begin(far))
        asyncio.run(rotation.finish(far))
    with home.opened(At(far)) as (_, vault):
        home.check(vault)
        asked = far.asked
        far.error = DISABLED
        home.check(vault)
        assert far.asked == asked
    with pytest.raises(KeyMissing, match="disabled"), home.opened(At(far)):
        pass


def test_a_source_that_does_not_open_again_is_not_trusted(
    sqlite_database: Place, tmp_path: Path
) -> None:
    """K2: a new key must open what it wraps before the old one's may go."""

    class Liar(Elsewhere):
        def unwrap(self, wrapped: str, context: object) -> bytes:
            del wrapped, context
            return bytes(32)

    home = moved_in(sqlite_database.url, tmp_path / "home")
    with home.opened() as (opened, vault), pytest.raises(KeyWrong, match="does not open what"):
        asyncio.run(Rotation(opened, on, [vault.keys.source]).begin(Liar("aws-kms:liar")))
    home.check_all()
    with home.opened() as (opened, vault):  # to stay is the way back
        turn = asyncio.run(Rotation(opened, on).finish(vault.keys.source))
        assert turn.left == ["aws-kms:liar"]
    changed(home)
    home.check_all()


def test_what_only_the_old_key_opens_is_not_thrown_away(
    sqlite_database: Place, tmp_path: Path
) -> None:
    """K2: where a data key was made under the old key alone, the end of a move waits for it."""
    home = moved_in(sqlite_database.url, tmp_path / "home")
    far = Elsewhere("aws-kms:one")
    with home.opened() as (opened, vault):
        source = vault.keys.source
        asyncio.run(Rotation(opened, on, [source]).begin(far))
        home.seal(vault, f"user:{opened.write_now(add_person, 'late')}")
        with pytest.raises(KeyMissing, match="not here"):
            asyncio.run(Rotation(opened, on, [far]).finish(far))
    home.check_all()
    with home.opened() as (opened, vault):
        asyncio.run(Rotation(opened, on, [source]).begin(far))
        asyncio.run(Rotation(opened, on, [far]).finish(far))
    home.check_all(At(far))


def test_a_key_of_its_own_wraps_anew(sqlite_database: Place, tmp_path: Path) -> None:
    """K2: a source that has versions wraps every data key by its newest one."""
    home = moved_in(sqlite_database.url, tmp_path / "home")
    with home.opened() as (opened, vault):
        far = Elsewhere("vault:transit/one")
        rotation = Rotation(opened, on, [vault.keys.source])
        asyncio.run(rotation.begin(far))
        asyncio.run(rotation.finish(far))
        before = set(far.kept)
        assert asyncio.run(rotation.rewrap(far)) == len(home.sealed) + 1
        for name in before:
            del far.kept[name]
    home.check_all(At(far))


def test_keys_are_not_shown() -> None:
    """K3: neither a key nor a source has its bytes in its repr."""
    key = Key(bytes(range(32)))
    assert Secret("x").reveal() == "x"
    for shown in (repr(key), repr(LocalKey(key))):
        assert bytes(range(32)).hex() not in shown
        assert key.written().reveal() not in shown
