"""Forms (`application/x-www-form-urlencoded`), read strictly: each field once, all of it UTF-8."""

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from penstock.api.errors import MalformedRequest, WrongMediaType

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 20


async def read_form(request: Request, known: Collection[str]) -> dict[str, str]:
    """Return the fields of a form that are known and not empty; others are passed over.

    Empty counts as not sent, and unknown is ignored, as RFC 6749 §3.2 asks. Raises WrongMediaType,
    MalformedRequest where a field comes twice.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != MEDIA_TYPE:
        raise WrongMediaType(f"Send a form, with the header `Content-Type: {MEDIA_TYPE}`.")
    try:
        text = (await request.body()).decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise MalformedRequest("The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedRequest("A field stands twice in the form.")
    return {name: value for name, value in fields.items() if name in known and value}
