"""Decoys: nobody tells them from real rows, they open nothing, and each use raises the alarm."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from penstock.cli.doctor.security import banks, factors, programs
from penstock.cli.doctor.security import sessions as graded_sessions
from penstock.cli.doctor.security.around import Around
from penstock.db import audit, troubles, users
from penstock.db.connections import connections
from penstock.db.credentials import credentials, find
from penstock.db.decoys import decoys
from penstock.db.refresh_tokens import refresh_tokens
from penstock.db.sessions import sessions
from penstock.db.troubles import View
from penstock.domain.ids import public_id
from penstock.domain.notice import NoticeKind
from penstock.domain.secret import Secret
from penstock.identity.clients import OURS
from penstock.identity.inspecting import INACTIVE
from penstock.identity.personal import PATTERN, written
from penstock.identity.refreshing import RefreshTokens
from penstock.vault.hashing import hash_token
from penstock.vault.key import Key
from penstock.vault.source import LocalKey
from tests.api.serving import KEY, Api, lines, serving
from tests.databases import Database

PUBLIC = "https://money.example"
SURE = b"".join(bytes([number]) for number in range(1, 200))


class Known:
    """Entropy that a test knows: the bytes 1, 2, 3 and on."""

    def __init__(self) -> None:
        self._bytes = itertools.cycle(SURE)

    def __call__(self, count: int) -> bytes:
        return bytes(itertools.islice(self._bytes, count))


@pytest.fixture
def planted(database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve an installation with Ada, and with decoys of entropy that is known here."""
    with serving(database.url, tmp_path, public_url=PUBLIC) as api:
        api.people["ada"] = api.play(
            lambda: api.identity.add_user("ada", Secret("a gate that feeds a mill"))
        )
        api.play(replace(api.penstock.decoys, entropy=Known()).plant)
        yield api


def _token() -> Secret:
    """Return the decoy's refresh token: what the first bytes were drawn for is known."""
    known = Known()
    known(31 + 3)
    return RefreshTokens(known(32), known).first()


def _person(api: Api) -> users.UserRow:
    (found,) = [one for one in api.read(users.page) if one.username != "ada"]
    return found


def _alarms(api: Api) -> list[str]:
    """Return what is told of decoys in the audit log; the counter and the notice agree with it."""
    rows = api.read(audit.page, owner_id=None, kind="decoy_touched")
    counted = api.penstock.metrics.render()[0].decode()
    total = sum(
        float(line.split()[-1])
        for line in counted.splitlines()
        if line.startswith("penstock_decoys_touched_total{")
    )
    assert total == len(rows)
    found = api.read(troubles.find, View(api.clock(), api.penstock.notifier.every))
    assert [one.topic.kind for one in found] == [NoticeKind.DECOY] * bool(rows)
    return [row.facts for row in reversed(rows)]


def _all(connection: sa.Connection, table: sa.Table) -> list[sa.Row[Any]]:
    return list(connection.execute(table.select()))


def _refresh(client: TestClient, token: str) -> tuple[int, bytes]:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = client.post("/token", data=form)
    return answer.status_code, answer.content


def test_a_decoys_refresh_token_alarms(planted: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The token, or its hash as the dump has it: refused like any other, and an alarm each time."""
    caplog.set_level("INFO")
    token = _token()
    stored = planted.read(lambda one: one.execute(sa.select(refresh_tokens.c.token_hash)).scalar())
    assert stored == hash_token(token)
    ordinary = _refresh(planted.client, "pstr_" + "A" * 43)
    assert _alarms(planted) == []
    assert _refresh(planted.client, token.reveal()) == ordinary
    assert _refresh(planted.client, stored) == ordinary
    assert _alarms(planted) == ['{"what":"refresh_token"}'] * 2
    (alarm, _) = [one for one in lines(caplog) if one.get("event") == "decoy_touched"]
    assert alarm["what"] == "refresh_token"
    assert token.reveal() not in caplog.text


def test_the_token_lies_where_a_thief_greps(planted: Api) -> None:
    """A hash cannot be turned back: so the dump has the decoy's token in clear in another place."""
    agents = planted.read(lambda one: one.execute(sa.select(sessions.c.agent)).scalars().all())
    assert [agent for agent in agents if _token().reveal() in agent]


def test_a_decoys_personal_token_alarms(planted: Api) -> None:
    """It lies in clear where a thief greps, is refused like any that never was, and alarms."""
    agents = planted.read(lambda one: one.execute(sa.select(sessions.c.agent)).scalars().all())
    (token,) = (found[0] for agent in agents if (found := re.search(PATTERN, agent)))
    never = written(12345).reveal()
    for number in (1, 2):
        answers = [planted.bearing(one).get("/v1/accounts") for one in (token, never)]
        assert [one.status_code for one in answers] == [401, 401]
        told = [{k: v for k, v in one.json().items() if k != "request_id"} for one in answers]
        assert told[0] == told[1]
        assert _alarms(planted) == ['{"what":"personal_token"}'] * number


def test_a_decoys_refresh_token_is_not_looked_at_unseen(planted: Api) -> None:
    """Who asks whether it is good, or gives it back, hears what strangers hear, and alarms."""
    inspector = planted.penstock.authorization.inspector
    told = planted.play(lambda: inspector.introspect(OURS, _token()))
    assert told == INACTIVE
    planted.play(lambda: inspector.revoke(OURS, _token()))
    assert _alarms(planted) == ['{"what":"refresh_token"}'] * 2
    ended = planted.read(lambda one: one.execute(sa.select(sessions.c.ended_at)).scalars().all())
    assert ended == [None, None]


def test_a_decoy_is_nobody_who_can_sign_in(planted: Api) -> None:
    """A sign-in under the decoy's name is refused byte for byte like any other, and alarms."""
    form = {"grant_type": "password", "password": "summer of 2026"}
    name = _person(planted).username
    answers = [
        planted.client.post("/token", data=form | {"username": one}) for one in ("ada", name, "ben")
    ]
    assert len({(one.status_code, one.content) for one in answers}) == 1
    assert _alarms(planted) == ['{"what":"person"}']


def test_a_decoys_bank_token_leads_here(planted: Api) -> None:
    """Who has the key too opens an address of ours; asking there is refused, and alarms."""
    owner = _person(planted).id
    (row,) = planted.read(lambda one: one.execute(connections.select()).all())
    sealed = planted.read(find, row.id)
    assert sealed is not None
    opened = planted.penstock.forgetter.seals.open(sealed, owner).access.reveal()
    assert opened.startswith("https://")
    assert opened.endswith("@money.example/bridge")
    name, _, password = opened.removeprefix("https://").partition("@")[0].partition(":")
    ask = planted.client.get
    wrong = ask("/bridge/accounts", params={"start-date": "1"}, auth=(name, "no"))
    right = ask("/bridge/accounts", params={"start-date": "1"}, auth=(name, password))
    assert (wrong.status_code, right.content) == (403, wrong.content)
    assert ask("/bridge/accounts").status_code == 403
    assert ask("/bridge/accounts", headers={"Authorization": "Basic !"}).status_code == 403
    assert _alarms(planted) == ['{"what":"bank_token"}']


def test_decoys_trouble_nobody(planted: Api) -> None:
    """Nothing of a decoy is synced, told of, counted or anybody else's to see; all is planted once.

    Its session is begun anew before its token would be too old to tempt anybody.
    """

    def count() -> list[int]:
        tables = (users.users, sessions, refresh_tokens, connections, credentials, decoys)
        query = [sa.select(sa.func.count()).select_from(table) for table in tables]
        return planted.read(lambda one: [one.execute(each).scalar_one() for each in query])

    assert count() == [2, 2, 1, 1, 1, 4]
    planted.play(planted.penstock.decoys.plant)
    assert count() == [2, 2, 1, 1, 1, 4]
    assert _alarms(planted) == []
    ada = planted.signed_in("ada")
    assert ada.get("/v1/connections").json()["rows"] == []
    assert len(ada.get("/v1/sessions").json()["rows"]) == 1
    planted.clock.advance(days=25)
    planted.play(planted.penstock.decoys.plant)
    assert count() == [2, 4, 3, 1, 1, 5]


def test_admins_and_the_doctor_see_no_decoy(planted: Api) -> None:
    """Who looks after people meets no stranger, and no grade is lost to a row that we planted."""
    assert [one.username for one in planted.play(planted.identity.people.page)] == ["ada"]
    assert [one.username for one in planted.play(lambda: planted.identity.people.page(limit=1))]
    master = LocalKey(Key.parse(Secret(KEY)))
    later = planted.clock() + timedelta(days=20)
    around = Around(planted.penstock.settings, later, master, planted.penstock.cipher)

    def look(connection: sa.Connection) -> list[str]:
        probes = (factors.second, graded_sessions.ages, banks.leftovers, programs.personal)
        return [one.found for probe in probes for one in probe(connection, around)]

    assert planted.read(look) == [
        "admins without a second factor: ada",
        "0 live sessions, each used lately",
        "every connection that is gone was wiped",
        "0 personal tokens, each in use and none too mighty",
    ]


def test_a_decoy_is_in_no_list_of_people(planted: Api) -> None:
    """An admin is shown nobody who never was: nobody else is told the name, and none is touched."""
    planted.write(users.set_role, planted.people["ada"], "admin")
    admin, decoy = planted.signed_in("ada"), public_id("usr", _person(planted).id)
    planted.person("eve")
    first = admin.get("/v1/people", params={"limit": 1}).json()
    rest = admin.get("/v1/people", params={"cursor": first["next_cursor"]}).json()
    names = [one["username"] for one in first["rows"] + rest["rows"]]
    assert names == ["ada", "eve"]
    assert rest["next_cursor"] is None
    for change in ({"disabled": True}, {"disabled": False}, {"role": "admin"}, {}):
        assert admin.patch(f"/v1/people/{decoy}", json=change).status_code == 404


def test_no_column_says_decoy(planted: Api) -> None:
    """A dump's reader finds marks under a key they do not have, and no word of what is a decoy."""
    owner = _person(planted).id
    marks = planted.read(lambda one: one.execute(sa.select(decoys.c.mark)).scalars().all())
    stored = [
        str(value)
        for table in (users.users, sessions, refresh_tokens, connections, credentials)
        for row in planted.read(_all, table)
        for value in row
    ]
    assert not any("decoy" in value.lower() or value in marks for value in stored)
    assert str(owner) not in marks
    assert _person(planted).disabled_at is None


def test_an_empty_installation_has_none(api: Api) -> None:
    """Before there is anybody, a decoy would be the first person, and would keep the real one out.

    Where the world does not reach us, a bank's token of ours would never be seen: none is made.
    """
    api.play(api.penstock.decoys.plant)
    assert api.read(users.page) == []
    assert api.play(api.identity.offer_setup) is not None
    api.person("ada")
    api.play(api.penstock.decoys.plant)
    assert len(api.read(users.page)) == 2
    assert api.read(lambda one: one.execute(credentials.select()).all()) == []
