"""X1: another person's things are not there, whichever route one tries.

Driven by the OpenAPI document: a route with an id in it that `things.py` cannot make fails here, so
that no noun can be forgotten. With row-level security, without it, and on SQLite.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2

from tests.api.serving import Api
from tests.api.things import MAKERS
from tests.files.writing import MAPPING

JSON: Final = {"Content-Type": "application/json"}
FILE: Final = (
    b"OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM>"
    b"<BANKID>1<ACCTID>2<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT"
    b"<DTPOSTED>20261120<TRNAMT>-1.00<FITID>1<NAME>Bakery</STMTTRN></BANKTRANLIST></STMTRS>"
    b"</STMTTRNRS></BANKMSGSRSV1></OFX>"
)
PUBLIC_ID: Final = re.compile(r"([a-z]{3})_[0-9a-z]{13}")
NAMES: Final = frozenset({"name", "connector"})
"""Path parameters that are no ids: each person's own, or the same for everybody."""
OTHERS: Final = frozenset({"client_id", "request_id"})
"""Fields called ids that name no row of a person."""

Ids = Mapping[str, str]
"""A public id by its prefix."""


def document_of(api: Api) -> dict[str, Any]:
    """Return the OpenAPI document."""
    document: dict[str, Any] = api.client.get("/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of each route behind a token, destroyers last."""
    found = [
        (method, path, route)
        for path, routes in document["paths"].items()
        for method, route in routes.items()
        if route.get("security") and "admin" not in str(route["security"])  # nobody's own
    ]
    yield from sorted(found, key=lambda one: one[0] == "delete")


def names_in(path: str) -> list[str]:
    """Return the parameters of a path."""
    return re.findall(r"{(\w+)}", path)


def guarded(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return the routes with an id in their path."""
    for method, path, route in operations(document):
        if set(names_in(path)) - NAMES:
            yield method, path, route


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema refers to; of several the first that is not null."""
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return {"examples": schema.get("examples"), **resolved(one, document)}
    if "$ref" in schema:
        named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return resolved(named, document)
    return schema


def sample(schema: dict[str, Any], document: dict[str, Any], ids: Ids, *, every: bool) -> Any:
    """Return a value that fits, with `ids` in place of examples of ids.

    `every` asks for the fields too that may be left out, where they take an id.
    """
    schema = resolved(schema, document)
    if schema.get("examples"):
        first = schema["examples"][0]
        named = PUBLIC_ID.fullmatch(first) if isinstance(first, str) else None
        if named is not None:
            return ids.get(named[1], first)
        if not isinstance(first, dict) or not every:
            return first
    if schema.get("type") == "array":
        return [sample(schema["items"], document, ids, every=every)]
    return {
        name: sample(field, document, ids, every=every)
        for name, field in schema.get("properties", {}).items()
        if name in schema.get("required", ()) or (every and kinds_in(field, document))
    }


def kinds_in(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """Return which kinds of ids a value of this schema may name, by their prefixes."""
    schema = resolved(schema, document)
    kinds = {
        named[1]
        for example in schema.get("examples") or ()
        if isinstance(example, str) and (named := PUBLIC_ID.fullmatch(example))
    }
    inner = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    return kinds.union(*(kinds_in(one, document) for one in inner))


def content_of(
    route: dict[str, Any], document: dict[str, Any], ids: Ids, *, every: bool = False
) -> bytes | None:
    """Return a fitting body; None where a route takes none."""
    content = route.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return FILE if content else None
    schema = content["application/json"]["schema"]
    return json.dumps(sample(schema, document, ids, every=every)).encode()


def fill(path: str, ids: Mapping[str, str]) -> str:
    """Return a path with the ids in their places."""
    return re.sub(r"{(\w+)}", lambda one: ids[one[1]], path)


def things_of(api: Api, username: str) -> dict[str, str]:
    """Make one thing of each kind for a person; return their ids by the names of parameters."""
    return {name: make(api, api.person(username)) for name, make in MAKERS.items()}


def nobodys(ids: Mapping[str, str]) -> dict[str, str]:
    """Return ids of the same kinds that never were."""
    return {name: f"{text.partition('_')[0]}_00000000zzzzz" for name, text in ids.items()}


def by_kind(ids: Mapping[str, str]) -> dict[str, str]:
    """Return ids by their prefixes."""
    return {text.partition("_")[0]: text for text in ids.values()}


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Return what an answer says, but for the request's own number."""
    said = answer.text.replace(answer.headers["x-request-id"], "")
    return answer.status_code, said


def test_every_id_has_a_maker(sqlite_api: Api) -> None:
    """X1: each id that a route takes, in its path, query or body, can be made for these tests."""
    document = document_of(sqlite_api)
    named = {name for _, path, _ in operations(document) for name in names_in(path)} - NAMES
    assert named
    assert named <= MAKERS.keys(), f"say in things.py how to make: {named - MAKERS.keys()}"
    made = by_kind(things_of(sqlite_api, "ada")).keys()
    for method, path, route in operations(document):
        taken: dict[str, Any] = {one["name"]: one["schema"] for one in route.get("parameters", ())}
        for content in route.get("requestBody", {}).get("content", {}).values():
            taken |= resolved(content["schema"], document).get("properties", {})
        for name, schema in taken.items():
            kinds = kinds_in(schema, document)
            assert kinds <= made, f"say in things.py how to make: {kinds - made}"
            if re.search(r"_ids?$", name) and name not in MAKERS.keys() | OTHERS:
                assert kinds, f"{method} {path}: {name} needs an example that is an id"


def test_what_is_anothers_is_not_there(tenants: Api) -> None:
    """X1: with every id of every route swapped for another's the answer is 404.

    It is the same, to the byte, as for an id that never was; and the owner's own works.
    """
    document = document_of(tenants)
    owner, stranger = tenants.signed_in("ada"), tenants.signed_in("eve")
    ids = things_of(tenants, "ada")
    checked = 0
    for method, path, route in guarded(document):
        content = content_of(route, document, by_kind(ids))
        theirs, none = (
            stranger.request(method, fill(path, one), content=content, headers=JSON)
            for one in (ids, nobodys(ids))
        )
        assert theirs.status_code == 404, (method, path, theirs.text)
        assert theirs.json()["type"] == "urn:penstock:problem:not-found"
        assert told(theirs) == told(none), (method, path)
        checked += 1
        if method == "get":
            ours = owner.request(method, fill(path, ids), content=content, headers=JSON)
            assert ours.status_code == 200, (method, path, ours.text)
    assert checked >= 20


def test_no_filter_shows_what_is_anothers(tenants: Api) -> None:
    """X1: a list that is narrowed to another's account or connection shows nothing."""
    document = document_of(tenants)
    owner, stranger = tenants.signed_in("ada"), tenants.signed_in("eve")
    kinds = by_kind(things_of(tenants, "ada"))
    checked = 0
    for method, path, route in operations(document):
        for parameter in route.get("parameters", ()):
            named = kinds_in(parameter["schema"], document)
            if method != "get" or "{" in path or not named:
                continue
            (kind,) = named
            asked = {parameter["name"]: kinds[kind]}
            theirs = stranger.get(path, params=asked)
            none = stranger.get(path, params={parameter["name"]: nobodys(kinds)[kind]})
            assert theirs.status_code == 404 or theirs.json()["rows"] == [], (path, asked)
            assert told(theirs) == told(none), (path, asked)
            assert owner.get(path, params=asked).json()["rows"], (path, asked)
            checked += 1
    assert checked >= 7


def test_what_is_anothers_cannot_be_written_to(tenants: Api) -> None:
    """X1: an id of another's in a body, or beside one, answers as one that never was."""
    document = document_of(tenants)
    stranger = tenants.signed_in("eve")
    ids = things_of(tenants, "ada")
    checked = 0
    for method, path, route in operations(document):
        asked = {
            one["name"]: one["schema"]
            for one in route.get("parameters", ())
            if one["in"] == "query" and kinds_in(one["schema"], document)
        }
        bodies = [content_of(route, document, by_kind(one), every=True) for one in (ids, {})]
        if method == "get" or "{" in path or not (asked or bodies[0] != bodies[1]):
            continue
        answers = []
        for one in (ids, nobodys(ids)):
            kinds = by_kind(one)
            content = content_of(route, document, kinds, every=True)
            params = {
                name: sample(what, document, kinds, every=True) for name, what in asked.items()
            }
            headers = {"Content-Type": next(iter(route["requestBody"]["content"]))}
            answers.append(
                stranger.request(method, path, params=params, content=content, headers=headers)
            )
        assert told(answers[0]) == told(answers[1]), (method, path)
        assert answers[0].status_code == 404, (method, path, answers[0].text)
        checked += 1
    assert checked >= 2


def test_a_cursor_of_anothers_shows_nothing_of_theirs(tenants: Api) -> None:
    """X1: what one's cursor leads to is one's own, whoever it was given to."""
    document = document_of(tenants)
    owner, stranger = tenants.signed_in("ada"), tenants.signed_in("eve")
    for username in ("ada", "eve"):
        things_of(tenants, username)
        tenants.begin(username)
    checked = 0
    for method, path, route in operations(document):
        if "cursor" not in {one["name"] for one in route.get("parameters", ())} or "{" in path:
            continue
        page = owner.request(method, path, params={"limit": 1})
        cursor = page.json().get("next_cursor") if page.status_code == 200 else None
        if cursor is None:
            continue
        everything = stranger.get(path).json()["rows"]
        answer = stranger.get(path, params={"cursor": cursor})
        assert answer.status_code in {200, 400, 404}, (path, answer.text)
        if answer.status_code == 200:
            assert all(row in everything for row in answer.json()["rows"]), path
        checked += 1
    assert checked >= 2


def test_a_key_of_anothers_replays_nothing(tenants: Api) -> None:
    """X1: the same `Idempotency-Key` of another person is another key."""
    owner, stranger = tenants.signed_in("ada"), tenants.signed_in("eve")
    address = fill("/v1/suggestions/{suggestion_id}/refuse", things_of(tenants, "ada"))
    key = {"Idempotency-Key": "one-and-the-same"}
    assert owner.post(address, headers=key).status_code == 200
    assert owner.post(address, headers=key).headers["idempotency-replayed"] == "true"
    theirs = stranger.post(address, headers=key)
    assert theirs.status_code == 404
    assert "idempotency-replayed" not in theirs.headers


def test_the_same_name_is_each_persons_own(tenants: Api) -> None:
    """X1: what is known by a name is known to its owner only, and written over by nobody else."""
    owner, stranger = tenants.signed_in("ada"), tenants.signed_in("eve")
    address = "/v1/mappings/bank"
    assert owner.put(address, json={"settings": MAPPING}).status_code == 200
    assert stranger.get("/v1/mappings").json()["rows"] == []
    assert stranger.delete(address).status_code == 404
    theirs = {**MAPPING, "amount": "Betrag"}
    assert stranger.put(address, json={"settings": theirs}).status_code == 200
    assert owner.get("/v1/mappings").json()["rows"][0]["settings"] == MAPPING
