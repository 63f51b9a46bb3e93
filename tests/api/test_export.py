"""Exports: everything, once, exactly, and safe to open."""

import csv
import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from penstock.api.routes import export
from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.db.books import NOW, Books

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "\uff1d1")
TEXTS = st.one_of(
    st.sampled_from(FORMULAS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text("=+-@\t\r\n'\",;ab", max_size=8),
)


def read_csv(content: bytes) -> list[dict[str, str]]:
    """Read CSV as anybody would, and take one leading apostrophe off each text."""
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)
    return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in rows]


def as_cells(row: dict[str, Any]) -> dict[str, str]:
    """Return a row of the API as the cells of a CSV file."""
    switches = {True: "true", False: "false"}
    return {
        name: switches[value] if isinstance(value, bool) else (value or "")
        for name, value in row.items()
    }


def download(client: TestClient, **parameters: str) -> bytes:
    """Download an export."""
    answer = client.get("/v1/export", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith('attachment; filename="penstock-')
    return answer.content


def test_every_row_comes_back_exactly(api: Api) -> None:
    """Whatever a row holds, CSV and JSON lines give it back, to the last digit and letter."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)

    @settings(max_examples=25)
    @given(
        rows=st.lists(
            st.fixed_dictionaries(
                {
                    "description": TEXTS,
                    "counterparty": st.none() | TEXTS,
                    "note": st.none() | TEXTS,
                    "amount": st.decimals(
                        -(10**18), 10**18, allow_nan=False, allow_infinity=False, places=4
                    ),
                    "hidden": st.booleans(),
                    "deleted_at": st.sampled_from([None, NOW]),
                }
            ),
            max_size=6,
        )
    )
    def check(rows: list[dict[str, Any]]) -> None:
        owner = api.person("ada")
        account = books.account(owner, books.connection(owner))
        numbers = books.transactions(owner, account, rows)
        names = {public_id("txn", number) for number in numbers}
        shown = [
            row
            for line in download(client, kind="transactions").split(b"\n")[:-1]
            if (row := json.loads(line)).pop("kind") == "transaction" and row["id"] in names
        ]
        assert [(row["description"], row["note"]) for row in shown] == [
            (row["description"], row["note"]) for row in rows
        ]
        assert [Decimal(row["amount"]) for row in shown] == [row["amount"] for row in rows]
        table = read_csv(download(client, format="csv", kind="transactions"))
        assert [row for row in table if row["id"] in names] == [as_cells(row) for row in shown]

    check()


def test_no_text_is_a_formula(sqlite_api: Api) -> None:
    """A spreadsheet that opens the file calculates nothing; amounts are still numbers."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    account = books.account(owner, books.connection(owner), name="=cmd|' /C calc'!A0")
    for text in FORMULAS:
        books.transaction(owner, account, amount="-12.50", description=text, note=text)
    content = download(client, format="csv", kind="transactions").decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert len(rows) == len(FORMULAS)
    for row in rows:
        assert row["amount"] == "-12.50"
        assert row["description"][0] == row["note"][0] == "'"
    accounts = download(client, format="csv", kind="accounts").decode()
    assert ",'=cmd" in accounts


def test_columns_stand_still(sqlite_api: Api) -> None:
    """The columns are the fields of the API, in their order, also where there is no row."""
    client = sqlite_api.signed_in("ada")
    heads = {
        kind: download(client, format="csv", kind=kind).decode().rstrip("\r\n").split(",")
        for kind in ("accounts", "balances", "holdings", "transactions")
    }
    assert heads["holdings"][:5] == "id account_id symbol isin name".split()
    assert heads["balances"] == (
        "id account_id type amount currency as_of as_of_on observed_at".split()
    )
    assert heads["transactions"][:5] == "id account_id status amount currency".split()
    assert heads["accounts"][:4] == "id connection_id parent_id name".split()


def test_everything_in_one_file(api: Api) -> None:
    """JSON lines say of each row what it is; CSV of everything is a zip of one file a kind."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner), hidden=True)
    books.balance(owner, account)
    books.holding(owner, account)
    books.holding(owner, account, ended_at=NOW, quantity=Decimal("-0.000000000000000001"))
    books.transactions(owner, account, [{}, {"removed_at": NOW}, {"deleted_at": NOW}])
    lines = [json.loads(line) for line in download(client).splitlines()]
    assert [line["kind"] for line in lines] == [
        *("account", "balance", "holding", "holding"),
        *["transaction"] * 3,
    ]
    with zipfile.ZipFile(io.BytesIO(download(client, format="csv"))) as archive:
        assert archive.testzip() is None
        tables = {name: read_csv(archive.read(name)) for name in archive.namelist()}
    assert {name: len(rows) for name, rows in tables.items()} == {
        "accounts.csv": 1,
        "balances.csv": 1,
        "holdings.csv": 2,
        "securities.csv": 0,
        "transactions.csv": 3,
    }
    for line in lines:
        kind = line.pop("kind")
        assert as_cells(line) in tables[f"{kind}s.csv"]


def test_batches_join_without_a_seam(api: Api) -> None:
    """More rows than one batch holds are each there once, in the order in which they were met."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    numbers = books.transactions(owner, account, [{}] * (export.BATCH * 2 + 1))
    lines = download(client, kind="transactions").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [public_id("txn", n) for n in numbers]


def test_a_stranger_takes_nothing_out(api: Api) -> None:
    """X1: an export holds the caller's rows only."""
    books = Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    books.transaction(owner, account)
    books.balance(owner, account)
    books.holding(owner, account)
    stranger = api.signed_in("eve")
    assert download(stranger) == b""
    for kind in ("accounts", "balances", "holdings", "transactions"):
        content = download(stranger, format="csv", kind=kind)
        assert content.count(b"\r\n") == 1


@pytest.mark.parametrize("parameters", [{"format": "xlsx"}, {"kind": "quotes"}, {"from": "x"}])
def test_what_cannot_be_exported_is_refused(sqlite_api: Api, parameters: dict[str, str]) -> None:
    """An unknown format or kind is an error before anything is sent."""
    answer = sqlite_api.signed_in("ada").get("/v1/export", params=parameters)
    assert answer.status_code == 422
