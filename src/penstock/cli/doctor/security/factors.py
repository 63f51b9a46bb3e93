"""Second factors: who has one, and who should: L6."""

from collections.abc import Iterator

import sqlalchemy as sa

from penstock.cli.doctor.security.around import Around, decoy, is_exposed
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, named, ok
from penstock.db.factors import factors
from penstock.db.users import users
from penstock.identity.people import Role


def second(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """L6: where strangers can try a password, a password alone lets nobody in, least an admin."""
    proven = sa.exists().where(factors.c.user_id == users.c.id, factors.c.confirmed_at.is_not(None))
    query = (
        sa.select(users.c.username, users.c.role, proven)
        .where(users.c.disabled_at.is_(None), users.c.id != decoy(connection, around))
        .order_by(users.c.id)
    )
    people = connection.execute(query).all()
    bare = [(name, role) for name, role, has in people if not has]
    admins = [name for name, role in bare if role == Role.ADMIN]
    members = [name for name, role in bare if role != Role.ADMIN]
    if not is_exposed(around.settings) or not bare:
        yield ok(
            f"{len(people) - len(bare)} of {counted(len(people), 'person', 'people')} have one"
        )
        return
    remedy = "Add one: `penstock factor add totp`, or a passkey in the browser."
    if admins:
        found = f"admins without a second factor: {named(admins)}"
        yield failed(found, remedy) if around.strict else attention(found, remedy)
    if members:
        yield attention(f"people without a second factor: {named(members)}", remedy)
