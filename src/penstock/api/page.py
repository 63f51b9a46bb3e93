"""Our own small HTML pages: one style sheet, known by its hash, and a script where one is named."""

import base64
import hashlib
import html
import secrets
from typing import Final

from starlette.responses import HTMLResponse

_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 24rem; margin: 12vh auto; padding: 0 1rem }
h1 { font-size: 1.4rem }
label { display: block; margin-top: 1rem }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .5rem }
button { margin-top: 1.5rem; font: inherit; padding: .5rem 1rem }
.fault { border-left: .3rem solid #b3261e; padding-left: .7rem }
code { font-size: .95em }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE: Final = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>{title} · Penstock</title><style>{style}</style></head>"
    "<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
)


def html_page(
    title: str, body: str, status: int = 200, *, script: str = "", form_to: str = ""
) -> HTMLResponse:
    """Return a page. `body` is HTML: whatever comes from outside went through `escape`.

    `script` is the address of a file of ours that the page runs, and nothing else does. `form_to`
    are origins to which an answer to one of its forms may send the browser on, beside ourselves.
    """
    policy = f"{_POLICY}; form-action 'self'" + (f" {form_to}" if form_to else "")
    if script:
        nonce = secrets.token_urlsafe(16)
        policy += f"; script-src 'nonce-{nonce}'"
        body += f'\n<script nonce="{nonce}" src="{escape(script)}" defer></script>'
    content = _PAGE.format(title=escape(title), style=_STYLE, body=body)
    headers = {"Content-Security-Policy": policy}
    if "<form" in body:
        # With `no-referrer` a browser would call the origin of our own forms `null` (Fetch §3.2).
        headers["Referrer-Policy"] = "same-origin"
    return HTMLResponse(content, status, headers)


def escape(text: str) -> str:
    """Return text as HTML that shows it."""
    return html.escape(text, quote=True)
