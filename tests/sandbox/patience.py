"""A client that asks until it is answered."""

import aiohttp

from tests.sandbox.visitor import Answer, Visitor

PATIENCE = 60


async def persistent(visitor: Visitor, path: str, **query: str) -> Answer:
    """Ask until the answer is whole and good, as a stubborn client would."""
    for _ in range(PATIENCE):
        try:
            answer = await visitor.get(path, **query)
        except aiohttp.ClientError:
            continue
        if answer.status == 200 and answer.json is not None:
            return answer
    raise AssertionError(f"{path} never answered")


async def whole_update(visitor: Visitor, cursor: str = "") -> tuple[list[str], list[str], str]:
    """Read one update through all obstacles; return the ids that came and went, and the cursor."""
    came: list[str] = []
    gone: list[str] = []
    more = True
    while more:
        query = {"cursor": cursor} if cursor else {}
        page = (await persistent(visitor, "/v1/transactions", **query)).json
        came += [row["id"] for row in page["added"] + page["modified"]]
        gone += [row["id"] for row in page["removed"]]
        cursor, more = page["next_cursor"], page["has_more"]
    return came, gone, cursor
