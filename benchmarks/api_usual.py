"""The usual way, for benchmarks/api.py: a `def` route, ORM objects, a pydantic `response_model`.

It runs in the framework's own pool of forty threads, over the pool of connections that SQLAlchemy
makes unless told otherwise, on the same table and the same index. It checks the token's signature,
and asks nobody whether the session is live.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

_KEY = OctKey.import_key("a-benchmark-key-that-opens-nothing-else")
_bearer = OAuth2PasswordBearer(tokenUrl="token")


class _Base(DeclarativeBase):
    """The ORM's own."""


class Stored(_Base):
    """A transaction, as an ORM class. Money is text: that is less work than a Decimal."""

    __tablename__ = "transactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int]
    account_id: Mapped[int]
    status: Mapped[str]
    amount: Mapped[str]
    currency: Mapped[str]
    dated_on: Mapped[date]
    booked_on: Mapped[date | None]
    value_on: Mapped[date | None]
    authorized_on: Mapped[date | None]
    description: Mapped[str]
    counterparty: Mapped[str | None]
    category: Mapped[str | None]
    person_category: Mapped[str | None]
    note: Mapped[str | None]
    reference: Mapped[str | None]
    original_amount: Mapped[str | None]
    original_currency: Mapped[str | None]
    hidden: Mapped[bool]
    removed_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


class Shown(BaseModel):
    """A transaction, as it is answered."""

    model_config = ConfigDict(from_attributes=True, coerce_numbers_to_str=True)

    id: int
    account_id: int
    status: str
    amount: str
    currency: str
    dated_on: date
    booked_on: date | None
    value_on: date | None
    authorized_on: date | None
    description: str
    counterparty: str | None
    category: str | None
    person_category: str | None
    note: str | None
    reference: str | None
    original_amount: str | None
    original_currency: str | None
    hidden: bool
    removed_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    """A page of them."""

    rows: list[Shown]
    next_cursor: str | None


def token(owner: int = 1) -> str:
    """Return a token that `create_app` takes."""
    return jwt.encode({"alg": "HS256"}, {"sub": str(owner)}, _KEY)


def create_app(url: str) -> FastAPI:
    """Return an app over the database at `url`."""
    sqlite = url.startswith("sqlite")
    engine = sa.create_engine(url, connect_args={"check_same_thread": False} if sqlite else {})
    app = FastAPI()

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    def owner(given: Annotated[str, Depends(_bearer)]) -> int:
        try:
            return int(jwt.decode(given, _KEY).claims["sub"])
        except (JoseError, KeyError, ValueError):
            raise HTTPException(401) from None

    @app.get("/v1/transactions", response_model=Page)
    def transactions(
        session: Annotated[Session, Depends(session)],
        owner: Annotated[int, Depends(owner)],
        limit: int = 100,
        offset: int = 0,
    ) -> dict[str, object]:
        rows = session.scalars(
            sa.select(Stored)
            .where(Stored.owner_id == owner, Stored.removed_at.is_(None))
            .where(Stored.hidden.is_(False), Stored.deleted_at.is_(None))
            .order_by(Stored.dated_on.desc(), Stored.id.desc())
            .limit(limit)
            .offset(offset)
        ).all()
        return {"rows": rows, "next_cursor": str(offset + limit)}

    return app
