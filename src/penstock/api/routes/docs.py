"""The documentation that one can try out: Swagger UI, served by ourselves and working offline."""

import json
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import Request
from starlette.responses import HTMLResponse, Response

from penstock.api.auth import open_to_all
from penstock.api.routing import nouns

_ANYBODY: Final = [open_to_all("what the API is like is no secret; the data behind it is")]
_DAY: Final = {"Cache-Control": "public, max-age=86400"}

# Swagger UI carries its pictures along as data: addresses.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Penstock API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>
</body></html>
"""
_START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  presets: [SwaggerUIBundle.presets.apis],
  syntaxHighlight: { activated: true },
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""

router = nouns("docs", prefix="")


@router.get("/docs", include_in_schema=False, dependencies=_ANYBODY)
async def docs() -> Response:
    """Show what the API can do."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/start.js", include_in_schema=False, dependencies=_ANYBODY)
async def start() -> Response:
    """Start Swagger UI: a file of its own, for the policy allows no script inside the page."""
    return Response(_START, media_type="text/javascript", headers=_DAY)


@router.get("/docs/swagger-ui-bundle.js", include_in_schema=False, dependencies=_ANYBODY)
async def script() -> Response:
    """Return Swagger UI itself."""
    return Response(_asset("swagger-ui-bundle.js"), media_type="text/javascript", headers=_DAY)


@router.get("/docs/swagger-ui.css", include_in_schema=False, dependencies=_ANYBODY)
async def style() -> Response:
    """Return what it looks like."""
    return Response(_asset("swagger-ui.css"), media_type="text/css", headers=_DAY)


@router.get("/openapi.json", include_in_schema=False, dependencies=_ANYBODY)
async def document(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(json.dumps(request.app.openapi()).encode(), media_type="application/json")


@cache
def _asset(name: str) -> bytes:
    return files("fastapi_offline").joinpath("static", name).read_bytes()
