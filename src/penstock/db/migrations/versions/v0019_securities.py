"""Securities: what names them, what happened to them, and what was held when.

What is held already becomes a security for each ISIN, and one for each position without; which of
them are the same is worked out when something is told next. What was ever stated of a position is
not known: its history begins with what stands there now.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from penstock.db.metadata import Exact, Id, Instant
from penstock.db.wall import enclosing, of_owner

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TOLD = ("mic", "figi", "cusip", "security_external_id")
_OWNED = ("securities", "security_ids", "security_events", "holding_versions")


def upgrade() -> None:
    """Make the tables, and fill them from what is held."""
    for table in ("holdings", "holding_images"):
        for name in _TOLD:
            op.add_column(table, sa.Column(name, sa.Text(), nullable=True))
    _make_securities()
    _make_ids()
    _make_events()
    _make_versions()
    _link_holdings()
    if op.get_bind().dialect.name == "postgresql":
        for table in _OWNED:
            for statement in enclosing(table, of_owner()):
                op.execute(statement)
    _fill()


def _texts(*names: str) -> list[sa.Column[str]]:
    """Return columns of texts that may be empty."""
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]


def _refers(table: str, column: str, above: str) -> sa.ForeignKeyConstraint:
    """Return a reference to what a row goes with."""
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{above}.id"], name=name, ondelete="CASCADE")


def _make_securities() -> None:
    op.create_table(
        "securities",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        *_texts("ticker", "mic", "isin", "figi", "cusip", "instrument"),
        sa.Column("by_person", sa.Text(), server_default="", nullable=False),
        sa.Column("merged_into_id", Id, nullable=True),
        sa.Column("merged_at", Instant, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        _refers("securities", "merged_into_id", "securities"),
        _refers("securities", "owner_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_securities")),
    )
    op.create_index("ix_securities_owner", "securities", ["owner_id", "id"], unique=False)
    op.create_index(
        op.f("ix_securities_merged_into_id"), "securities", ["merged_into_id"], unique=False
    )


def _make_ids() -> None:
    op.create_table(
        "security_ids",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("security_id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        *_texts("security_external_id", "ticker", "mic", "isin", "figi", "cusip", "currency"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("pin", Id, nullable=True),
        sa.Column("apart", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        _refers("security_ids", "account_id", "accounts"),
        _refers("security_ids", "owner_id", "users"),
        _refers("security_ids", "security_id", "securities"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_ids")),
    )
    op.create_index("ix_security_ids_owner", "security_ids", ["owner_id", "id"], unique=False)
    op.create_index(
        op.f("ix_security_ids_security_id"), "security_ids", ["security_id"], unique=False
    )
    op.create_index(
        "ix_security_ids_account", "security_ids", ["account_id", "external_id"], unique=False
    )


def _make_events() -> None:
    op.create_table(
        "security_events",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("security_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ratio_new", Exact, nullable=True),
        sa.Column("ratio_old", Exact, nullable=True),
        *_texts("old_ticker", "old_mic", "old_isin", "new_ticker", "new_mic", "new_isin"),
        sa.Column("other_id", Id, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("decided_at", Instant, nullable=True),
        _refers("security_events", "owner_id", "users"),
        _refers("security_events", "security_id", "securities"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
    )
    op.create_index("ix_security_events_owner", "security_events", ["owner_id", "id"], unique=False)
    op.create_index(
        op.f("ix_security_events_security_id"), "security_events", ["security_id"], unique=False
    )


def _make_versions() -> None:
    op.create_table(
        "holding_versions",
        sa.Column("id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("holding_id", Id, nullable=False),
        sa.Column("as_of", Instant, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("quantity", Exact, nullable=False),
        *(sa.Column(name, Exact, nullable=True) for name in ("price", "value", "cost_basis")),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("run_id", Id, nullable=False),
        _refers("holding_versions", "holding_id", "holdings"),
        _refers("holding_versions", "owner_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holding_versions")),
    )
    op.create_index(
        "ix_holding_versions_owner", "holding_versions", ["owner_id", "day", "id"], unique=False
    )
    op.create_index(
        "ix_holding_versions_holding", "holding_versions", ["holding_id", "day", "id"], unique=False
    )


def _link_holdings() -> None:
    """Add the reference: without a foreign key, which SQLite adds to no table that is there."""
    op.add_column("holdings", sa.Column("security_id", Id, nullable=True))
    op.create_index(op.f("ix_holdings_security_id"), "holdings", ["security_id"], unique=False)


_HOLDINGS = sa.table(
    "holdings",
    *(sa.column(name, Id) for name in ("id", "owner_id", "account_id", "security_id")),
    *(sa.column(name, sa.Text()) for name in ("external_id", "symbol", "isin", "name", "type")),
    *(sa.column(name, Exact) for name in ("quantity", "price", "value", "cost_basis")),
    sa.column("currency", sa.Text()),
    *(sa.column(name, Instant) for name in ("as_of", "ended_at", "created_at", "updated_at")),
    sa.column("first_run_id", Id),
)
_ACCOUNTS = sa.table("accounts", sa.column("id", Id), sa.column("connection_id", Id))
_CONNECTIONS = sa.table("connections", sa.column("id", Id), sa.column("connector", sa.Text()))
_SECURITIES = sa.table(
    "securities",
    *(sa.column(name, Id) for name in ("id", "owner_id")),
    *(sa.column(name, sa.Text()) for name in ("name", "type", "currency", "ticker", "isin")),
    *(sa.column(name, Instant) for name in ("created_at", "updated_at")),
)
_IDS = sa.table(
    "security_ids",
    *(sa.column(name, Id) for name in ("owner_id", "security_id", "account_id", "run_id")),
    *(sa.column(name, sa.Text()) for name in ("source", "external_id", "ticker", "isin")),
    *(sa.column(name, sa.Text()) for name in ("currency", "name", "type")),
    sa.column("since", sa.Date()),
    sa.column("created_at", Instant),
)
_VERSIONS = sa.table(
    "holding_versions",
    *(sa.column(name, Id) for name in ("owner_id", "holding_id", "run_id")),
    sa.column("as_of", Instant),
    sa.column("day", sa.Date()),
    *(sa.column(name, Exact) for name in ("quantity", "price", "value", "cost_basis")),
    sa.column("currency", sa.Text()),
    sa.column("ended", sa.Boolean()),
)


def _fill() -> None:
    bind, c = op.get_bind(), _HOLDINGS.c
    known: dict[tuple[int, str], int] = {}
    query: sa.Select[Any] = (
        sa.select(*c, _CONNECTIONS.c.connector)
        .join_from(_HOLDINGS, _ACCOUNTS, _ACCOUNTS.c.id == c.account_id)
        .join(_CONNECTIONS, _CONNECTIONS.c.id == _ACCOUNTS.c.connection_id)
        .order_by(c.id)
    )
    rows: list[sa.Row[Any]] = list(bind.execute(query))
    for row in rows:
        isin = (row.isin or "").strip().upper() or None
        key = (row.owner_id, isin or f"holding {row.id}")
        if key not in known:
            known[key] = _name(bind, row, isin)
        bind.execute(_HOLDINGS.update().where(c.id == row.id).values(security_id=known[key]))
        _remember(bind, row, known[key])
        _begin(bind, row)


def _name(bind: sa.Connection, row: sa.Row[Any], isin: str | None) -> int:
    made = _SECURITIES.insert().values(
        owner_id=row.owner_id,
        name=row.name,
        type=row.type,
        currency=row.currency,
        ticker=row.symbol,
        isin=isin,
        created_at=row.created_at,
        updated_at=row.created_at,
    )
    return int(bind.execute(made.returning(_SECURITIES.c.id)).scalar_one())


def _remember(bind: sa.Connection, row: sa.Row[Any], security_id: int) -> None:
    """Keep what the position says of its security."""
    bind.execute(
        _IDS.insert().values(
            owner_id=row.owner_id,
            security_id=security_id,
            account_id=row.account_id,
            source=row.connector,
            external_id=row.external_id,
            ticker=row.symbol,
            isin=row.isin,
            currency=row.currency,
            name=row.name,
            type=row.type,
            since=row.created_at.date(),
            run_id=row.first_run_id,
            created_at=row.created_at,
        )
    )


def _begin(bind: sa.Connection, row: sa.Row[Any]) -> None:
    """Let a position's history begin with what stands there, and end where it has ended."""
    stated = {
        "owner_id": row.owner_id,
        "holding_id": row.id,
        "run_id": row.first_run_id,
        "as_of": row.as_of,
        "quantity": row.quantity,
        "price": row.price,
        "value": row.value,
        "cost_basis": row.cost_basis,
        "currency": row.currency,
    }
    day = min(row.as_of, row.updated_at).date()
    bind.execute(_VERSIONS.insert().values(**stated, day=day, ended=False))
    if row.ended_at is not None:
        last = max(row.ended_at.date(), day)
        bind.execute(_VERSIONS.insert().values(**stated, day=last, ended=True))
