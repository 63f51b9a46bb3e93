"""The page of routes."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from penstock.asgi import app
from scripts.pages.table import table

METHODS = ("get", "post", "put", "patch", "delete")
TOP = """# Routes

The same as a running server shows at `/docs`, and as JSON at `/openapi.json`. Errors are
`application/problem+json` (RFC 9457). Decimals are strings.

"""

Shape = Mapping[str, Any]


def page() -> str:
    """Return the page."""
    groups = groupby(sorted(operations(), key=_by_tag), key=_by_tag)
    routes = "".join(f"## {tag}\n\n{''.join(map(section, group))}" for tag, group in groups)
    shapes = app.openapi().get("components", {}).get("schemas", {})
    return TOP + routes + "## Shapes\n\n" + "".join(shape(*one) for one in sorted(shapes.items()))


def operations() -> Iterator[tuple[str, str, Shape]]:
    """Yield method, path and description of every route."""
    for path, methods in app.openapi()["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


def section(operation: tuple[str, str, Shape]) -> str:
    """Return what there is to know about one route."""
    method, path, about = operation
    heading = f"### {method.upper()} {path}\n\n{about.get('summary', '')}.".replace("..", ".")
    text = about.get("description", "").strip()
    return (
        f"{heading}{f' {text}' if text else ''}\n\n{scopes(about)}"
        f"{table(['parameter', 'in', 'type', 'what it says'], parameters(about))}"
        f"{body(about)}{table(['status', 'answer', 'shape'], responses(about))}"
    )


def shape(name: str, about: Shape) -> str:
    """Return what there is to know about one object that travels."""
    required = set(about.get("required", ()))
    rows = [
        (f"`{field}`", kind(one), "yes" if field in required else "", one.get("description", ""))
        for field, one in about.get("properties", {}).items()
    ]
    values = ", ".join(f"`{value}`" for value in about.get("enum", ()))
    text = " ".join(about.get("description", "").split())
    lines = [f"### {name}", text, f"One of {values}." if values else ""]
    head = "".join(f"{line}\n\n" for line in lines if line)
    return head + table(["field", "type", "always", "what it says"], rows)


def scopes(about: Shape) -> str:
    """Return the line that says who may ask."""
    ways = about.get("security", ())
    if not ways:
        return "Needs no token.\n\n"
    needed = sorted({f"`{scope}`" for way in ways for scopes in way.values() for scope in scopes})
    return f"Needs a token{' with ' if needed else ''}{', '.join(needed)}.\n\n"


def parameters(about: Shape) -> list[tuple[str, str, str, str]]:
    """Return a row for each parameter."""
    return [
        (
            f"`{one['name']}`{' (required)' if one.get('required') else ''}",
            one["in"],
            kind(one["schema"]),
            one.get("description", ""),
        )
        for one in about.get("parameters", ())
    ]


def body(about: Shape) -> str:
    """Return the line that says what is sent."""
    content = about.get("requestBody", {}).get("content", {})
    kinds = [f"{kind(one.get('schema', {}))} as `{media}`" for media, one in content.items()]
    return f"Body: {' or '.join(kinds)}.\n\n" if kinds else ""


def responses(about: Shape) -> list[tuple[str, str, str]]:
    """Return a row for each answer."""
    return [
        (
            code,
            one.get("description", ""),
            " or ".join(kind(media.get("schema", {})) for media in one.get("content", {}).values()),
        )
        for code, one in about["responses"].items()
    ]


def kind(schema: Shape) -> str:
    """Return the type of a value in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(kind(one) for one in schema[union]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    words = [schema.get("type", "anything"), schema.get("format", "")]
    return ", ".join(word for word in words if word)


def _by_tag(operation: tuple[str, str, Shape]) -> str:
    return str(next(iter(operation[2].get("tags", ())), "other"))
