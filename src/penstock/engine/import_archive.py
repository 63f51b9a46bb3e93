"""Files in the archive: kept as they came, and with how, to be read again (sync.md 18)."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import sqlalchemy as sa

from penstock.db import mappings
from penstock.domain.errors import InvalidInput
from penstock.domain.imported import FILES, source_of
from penstock.domain.request import Response
from penstock.domain.update import Page
from penstock.engine.import_page import page_of
from penstock.files.mapping import mapping_of
from penstock.files.reading import How, read


def as_answer(
    content: bytes,
    told: Mapping[str, str],
    settings: Mapping[str, str],
    accounts: Mapping[int, int],
) -> Response:
    """Return a file as the archive keeps it.

    `told` is what was said of how it is written, `settings` those of its mapping as they were, and
    `accounts` our number of each statement's account.
    """
    more = {"settings": json.dumps(dict(settings)), "accounts": json.dumps(dict(accounts))}
    return Response(200, {**told, **more}, content, FILES)


def read_again(
    connection: sa.Connection, heard: Response, accounts: dict[int, str], owner_id: int
) -> Iterator[Page]:
    """Read a file of the archive once more, with its mapping as it is now (sync.md 18).

    `accounts` are their external ids, by our numbers. A row keeps the name that it was given by the
    mapping of then: what it says may be another word now, and is the same row. Raises InvalidInput.
    """
    told = dict(heard.headers)
    then = json.loads(told["settings"])
    now = then
    if told["mapping"]:
        saved = [
            one.settings
            for one in mappings.of_owner(connection, owner_id=owner_id, limit=1000)
            if one.name == told["mapping"]
        ]
        now = saved[0] if saved else then
    before, after = (read(heard.body, _how(told, settings)).statements for settings in (then, now))
    places = {int(number): account for number, account in json.loads(told["accounts"]).items()}
    by_account: dict[int, list[int]] = defaultdict(list)
    for number, account in places.items():
        by_account[account].append(number)
    source = source_of(told["format"])
    for account, numbers in by_account.items():
        if account not in accounts:
            continue
        old = page_of(accounts[account], [before[one] for one in numbers], source)
        new = page_of(accounts[account], [after[one] for one in numbers], source)
        if len(old.upserts) != len(new.upserts):
            raise InvalidInput("With its mapping as it is now, a file does not have the same rows.")
        named = zip(old.upserts, new.upserts, strict=True)
        yield replace(
            new, upserts=[row._replace(external_id=one.external_id) for one, row in named]
        )


def _how(told: dict[str, str], settings: dict[str, str]) -> How:
    mapping = mapping_of(settings) if settings else None
    return How(told["format"], told["currency"], told["order"], told["decimal"], mapping)
