"""X1: another person's things are not there, whichever route one tries.

Driven by the OpenAPI document: a route with an id in it that `things.py` cannot make fails here, so
that no noun can be forgotten.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.api.serving import Api
from tests.api.things import MAKERS

JSON = {"Content-Type": "application/json"}


def guarded(document: dict[str, Any]) -> Iterator[tuple[str, str, bytes | None]]:
    """Return method, path and a fitting body of each route with an id, those that destroy last."""
    found = [
        (method, path, body(route, document))
        for path, routes in document["paths"].items()
        for method, route in routes.items()
        if path.startswith("/v1")
        and "{" in path
        and route.get("security")
        and not path.endswith("{name}")  # a name is no id: each person has their own
    ]
    yield from sorted(found, key=lambda one: one[0] == "delete")


def body(route: dict[str, Any], document: dict[str, Any]) -> bytes | None:
    """Return the example of a route's body, or an empty object where it has none."""
    if "requestBody" not in route:
        return None
    content = route["requestBody"]["content"]["application/json"]
    schema = content["schema"]
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = document["components"]["schemas"].get(name, schema)
    examples = schema.get("examples") or [
        {
            field: described["examples"][0]
            for field, described in schema.get("properties", {}).items()
            if field in schema.get("required", ())
        }
    ]
    return json.dumps(examples[0]).encode()


def fill(path: str, ids: dict[str, str]) -> str:
    """Return a path with the ids in their places."""
    return re.sub(r"{(\w+)}", lambda one: ids[one[1]], path)


def test_every_id_has_a_maker(sqlite_api: Api) -> None:
    """Each id that a route takes can be made for these tests."""
    document = sqlite_api.client.get("/openapi.json").json()
    named = {name for _, path, _ in guarded(document) for name in re.findall(r"{(\w+)}", path)}
    assert named
    assert named <= MAKERS.keys(), f"say in things.py how to make: {named - MAKERS.keys()}"


def test_what_is_anothers_is_not_there(api: Api) -> None:
    """With every id of every route swapped for another person's the answer is 404."""
    document = api.client.get("/openapi.json").json()
    owner, stranger = api.signed_in("ada"), api.signed_in("eve")
    ids = {name: make(api, api.person("ada")) for name, make in MAKERS.items()}
    checked = 0
    for method, path, content in guarded(document):
        address = fill(path, ids)
        theirs = stranger.request(method, address, content=content, headers=JSON)
        assert theirs.status_code == 404, (method, path, theirs.text)
        assert theirs.json()["type"] == "urn:penstock:problem:not-found"
        checked += 1
        if method == "get":
            ours = owner.request(method, address, content=content, headers=JSON)
            assert ours.status_code == 200, (method, path, ours.text)
    assert checked >= 1


def test_no_filter_shows_what_is_anothers(sqlite_api: Api) -> None:
    """X1: a list that is narrowed to another person's account or connection stays empty."""
    document = sqlite_api.client.get("/openapi.json").json()
    owner, stranger = sqlite_api.signed_in("ada"), sqlite_api.signed_in("eve")
    ids = {name: make(sqlite_api, sqlite_api.person("ada")) for name, make in MAKERS.items()}
    checked = 0
    for path, routes in document["paths"].items():
        for parameter in routes.get("get", {}).get("parameters", ()):
            name = f"{parameter['name'].removesuffix('_id')}_id"
            if "{" in path or parameter["in"] != "query" or name not in ids:
                continue
            asked = {parameter["name"]: ids[name]}
            theirs = stranger.get(path, params=asked)
            assert theirs.status_code == 404 or theirs.json()["rows"] == [], (path, asked)
            assert owner.get(path, params=asked).json()["rows"], (path, asked)
            checked += 1
    assert checked >= 2


def test_what_is_anothers_and_what_is_nobodys_look_alike(sqlite_api: Api) -> None:
    """Nobody learns by the answer whether there is such a thing at all."""
    document = sqlite_api.client.get("/openapi.json").json()
    stranger = sqlite_api.signed_in("eve")
    ids = {name: make(sqlite_api, sqlite_api.person("ada")) for name, make in MAKERS.items()}
    nobodys = {name: f"{text.partition('_')[0]}_00000000zzzzz" for name, text in ids.items()}
    for method, path, content in guarded(document):
        answers = [
            stranger.request(method, fill(path, one), content=content, headers=JSON).json()
            for one in (ids, nobodys)
        ]
        for answer in answers:
            answer.pop("request_id")
        assert answers[0] == answers[1], (method, path)
