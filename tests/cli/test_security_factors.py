"""What `penstock doctor --security` sees of second factors, good and bad."""

from typing import Any

import sqlalchemy as sa

from penstock.cli.doctor.security import factors
from penstock.cli.doctor.security.finding import Grade
from penstock.db.factors import factors as stored
from penstock.db.lane import Database
from tests.cli.stored import NOW, Story, add, around, in_production, person, seen

OK, ATTENTION, FAILED = Grade.OK, Grade.ATTENTION, Grade.FAILED
REACHED: dict[str, Any] = {"public_url": "https://penstock.example.org"}


def somebody(role: str, *, has: bool, confirmed: bool = True) -> Story:
    """Make a person with a factor, or without."""

    def story(connection: sa.Connection) -> None:
        owner = person(connection, role=role)
        at = NOW if confirmed else None
        if has:
            values = {"kind": "totp", "name": "phone", "created_at": NOW, "confirmed_at": at}
            add(connection, stored, user_id=owner, **values)

    return story


def test_who_has_no_second_factor_is_seen(store: Database) -> None:
    """L6: an admin without one fails in production; on one's own machine nobody needs one."""
    bare, safe = somebody("admin", has=False), somebody("admin", has=True)
    begun = somebody("admin", has=True, confirmed=False)
    strict, open_to_all = in_production(**REACHED), around(**REACHED)
    assert seen(store, factors.second, bare) == [OK]
    assert seen(store, factors.second, bare, open_to_all) == [ATTENTION]
    assert seen(store, factors.second, bare, strict) == [FAILED]
    assert seen(store, factors.second, begun, strict) == [FAILED]
    assert seen(store, factors.second, safe, strict) == [OK]
    assert seen(store, factors.second, somebody("member", has=False), strict) == [ATTENTION]
