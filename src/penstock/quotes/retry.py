"""When a source may be asked again."""

from datetime import datetime, timedelta
from typing import Final

from penstock.domain.request import Response
from penstock.domain.retry_after import retry_after

USUAL: Final = timedelta(minutes=1)


def retry_at(response: Response, now: datetime) -> datetime:
    """Return the instant that the answer's `Retry-After` names; a minute ahead if it names none."""
    wait = retry_after(response.headers.get("retry-after"), now)
    return now + (USUAL if wait is None else timedelta(seconds=wait))
