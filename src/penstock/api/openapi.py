"""The description of the API: what FastAPI derives, and the problems that each route can answer."""

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from penstock.api.errors import KINDS, MEDIA_TYPE, METHOD
from penstock.domain.errors import NotSignedIn

_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})
_WITH_BODY: Final = frozenset({"post", "put", "patch"})
_OF_METHOD: Final = dict.fromkeys(_WITH_BODY, frozenset({409, 413})) | {
    "delete": frozenset({409}),  # others may need it
}

_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "What went wrong, and what to do about it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Stable: decide by this.",
            "examples": ["urn:penstock:problem:not-found"],
        },
        "title": {"type": "string", "examples": ["There is no such thing here."]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["There is no such account."]},
        "faults": {
            "type": "array",
            "description": "Each fault of the input, with its place.",
            "items": {
                "type": "object",
                "required": ["at", "message"],
                "properties": {"at": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "remedy": {
            "type": "object",
            "required": ["kind", "text"],
            "properties": {
                "kind": {"enum": ["wait", "ask_person", "fix_code"]},
                "text": {"type": "string"},
                "until": {"type": "string", "format": "date-time"},
            },
        },
        "request_id": {"type": "string", "description": "The same as in X-Request-ID."},
    },
}

_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request is done once; the answer is kept for a day.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}

_PUBLIC_ID: Final = re.compile(r"'[a-z]{3}_[0-9a-z]{13}'")

_TITLES: Final = (
    {METHOD.status: METHOD.title}
    | {kind.status: kind.title for kind in reversed(list(KINDS.values()))}
    | {401: KINDS[NotSignedIn].title}
)


class Described(FastAPI):
    """An app whose OpenAPI document says what its routes cannot: problems, keys, patterns."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; made once, at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = _describe(self)
        return self.openapi_schema


def _describe(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)
    _close_patterns(components)
    for path, item in document["paths"].items():
        for method in _METHODS & item.keys():
            _add_problems(path, method, item[method])
        if "post" in item:
            _add_key(item["post"])
    return document


def _add_key(operation: dict[str, Any]) -> None:
    if operation.get("security"):
        operation.setdefault("parameters", []).append(_KEY)


def _add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    if _is_default_422(answers.get("422")):
        del answers["422"]
    for status in sorted(_statuses(path, method, operation)):
        answers.setdefault(
            str(status),
            {
                "description": _TITLES[status],
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> set[int]:
    if not path.startswith("/v1"):
        return {400, 413, 415, 422} if method in _WITH_BODY else {400, 422}
    statuses = {400, 422}
    if operation.get("security"):
        statuses |= {401, 403, 503}
    if "{" in path or _takes_id(operation):
        statuses.add(404)
    statuses |= _OF_METHOD.get(method, frozenset())
    if "requestBody" in operation:
        statuses |= {404, 415, 429}  # what a body names may not be there
    if {"connect", "quotes"} & _scopes(operation):
        statuses.add(502)
    if any(one["name"] == "connector" for one in operation.get("parameters", ())):
        statuses |= {404, 409}  # there may be none of that name, or it is not set up
    return statuses


def _scopes(operation: Mapping[str, Any]) -> set[str]:
    return {
        scope
        for scheme in operation.get("security", ())
        for names in scheme.values()
        for scope in names
    }


def _takes_id(operation: Mapping[str, Any]) -> bool:
    """Say whether one thing is named by its id, or a security as people call it."""
    return any(
        parameter["name"] == "security" or _PUBLIC_ID.search(str(parameter["schema"]))
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    )


def _close_patterns(schema: object) -> None:
    """Say that a mapping takes no other names than those of its pattern, as is the case."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close_patterns(inner)


def _is_default_422(answer: Mapping[str, Any] | None) -> bool:
    return answer is not None and "HTTPValidationError" in str(answer.get("content"))
