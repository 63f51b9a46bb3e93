"""The API keys of sources: read from what was set, put into requests, and kept out of all else.

A key is in a request from the moment that it is sent; the address that caches, logs and errors
know has none. Some sources repeat a key in their answers ("your API key as …"): it is struck out
of an answer before anybody reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from penstock.domain.option import Given
from penstock.domain.request import Request, Response
from penstock.domain.secret import MASK, Secret
from penstock.quotes.declaration import Declaration

Keys = Mapping[str, Mapping[str, Secret]]
"""API keys: by source, then by option (`Auth.option`)."""

SHORTEST: Final = 4
"""Letters. What is shorter is no key, and may be part of a price."""


def keys_of(sources: Iterable[Declaration], values: Mapping[str, Secret]) -> Keys:
    """Return the keys that were set, `values` being everybody's by names such as finnhub_key."""
    keys: dict[str, Mapping[str, Secret]] = {}
    for source in sources:
        given = Given(source.id, source.options, values)
        own = {option.name: given.secret(option.name) for option in source.options}
        keys[source.id] = {name: key for name, key in own.items() if key}
    return keys


def signed(source: Declaration, request: Request, keys: Keys) -> Request:
    """Put API keys where the declaration wants them."""
    if not source.auth:
        return request
    own = keys.get(source.id, {})
    headers, query = dict(request.headers), []
    for auth in source.auth:
        key = own.get(auth.option)
        if key and auth.header:
            headers[auth.header] = f"{auth.prefix}{key.reveal()}"
        elif key and auth.query:
            query.append((auth.query, f"{auth.prefix}{key.reveal()}"))
    url = request.url
    if query:
        url += ("&" if urlsplit(url).query else "?") + urlencode(query)
    return replace(request, url=url, headers=headers)


def scrubbed(source: Declaration, response: Response, keys: Keys) -> Response:
    """Strike a source's keys out of its answer, as they are and as addresses write them."""
    if not source.auth:
        return response
    own = [key.reveal() for key in keys.get(source.id, {}).values()]
    texts = {form for text in own if len(text) >= SHORTEST for form in (text, quote(text, safe=""))}
    if not texts:
        return response
    body, headers = response.body, dict(response.headers)
    for text in sorted(texts, key=len, reverse=True):
        body = body.replace(text.encode(), MASK.encode())
        headers = {name: value.replace(text, MASK) for name, value in headers.items()}
    return replace(response, body=body, headers=headers)
