"""SnapTrade's own specification, as it is for people who read their own accounts.

The specification describes requests that are signed in the name of a user of a commercial customer.
SnapTrade's documents say that a bearer token and a Personal key name the person themselves, and
that `userId` and `userSecret` must be left out then (docs: Build an OAuth App, Authentication
Methods). So it is read here through a copy, made for the test, in which those two are not asked
for, and a bearer token is a way to be known. Where it lets a value be null without saying of what
type it is else, the copy says so: Prism would not check the whole answer.
"""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.snaptrade_samples import specification
from tests.prism import readable

SOME = "917c8734-8470-4a3e-a18f-57c3f2ee6631"
ASKED = {
    "accounts": "/accounts",
    "activities": "/accounts/{accountId}/activities",
    "balances": "/accounts/{accountId}/balances",
    "positions": "/accounts/{accountId}/positions/all",
    "connections": "/authorizations",
    "connection": "/authorizations/{authorizationId}",
    "brokerages": "/brokerages",
}
"""What we ask for."""


def for_people(folder: Path) -> Path:
    """Return a copy of the specification in which a token or a key says who somebody is."""
    copy = readable(specification(), folder)
    document = json.loads(copy.read_text(encoding="utf-8"))
    schemes = document["components"]["securitySchemes"]
    schemes["PersonalToken"] = {"type": "http", "scheme": "bearer"}
    document["security"].append({"PersonalToken": []})
    for path in ASKED.values():
        operation = document["paths"][path]["get"]
        operation["parameters"] = [
            one
            for one in operation.get("parameters", ())
            if one.get("name") not in {"userId", "userSecret"}
        ]
    _mend(document, document["components"]["schemas"])
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


def _mend(part: Any, schemas: Any) -> None:
    """Say of what type each schema is that may be null as well: to Prism it is none otherwise.

    One that is made of another alone becomes a copy of it that may be null.
    """
    if isinstance(part, dict):
        if part.get("nullable") is True and "type" not in part:
            for one in part.pop("allOf", ()):
                part |= deepcopy(schemas[one["$ref"].rpartition("/")[2]]) | {"nullable": True}
            part.setdefault("type", "object")
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        _mend(each, schemas)


@cache
def examples() -> dict[str, Any]:
    """Return an answer of each endpoint, made of nothing but the specification's own examples."""
    yaml: Any = pytest.importorskip("yaml")
    with specification().open("rb") as text:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = json.loads(json.dumps(yaml.load(text, Loader=loader), default=_written))
    schemas = document["components"]["schemas"]
    return {
        name: _example(_answer(document["paths"][path]["get"]), schemas)
        for name, path in ASKED.items()
    }


def _written(day: Any) -> str:
    return str(day.isoformat())


def _answer(operation: Any) -> Any:
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


def _example(schema: Any, schemas: Any) -> Any:
    """Return a schema's example, or one that is made of those of its parts."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "example" in schema:
        return schema["example"]
    for every in ("allOf", "oneOf"):
        if every in schema:
            return _example(schema[every][0], schemas)
    if schema.get("type") == "array":
        return [_example(schema["items"], schemas)]
    parts = schema.get("properties", {})
    return {name: _example(part, schemas) for name, part in parts.items()} or None
