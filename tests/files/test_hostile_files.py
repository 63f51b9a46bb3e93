"""A file that is none is refused about as fast as one is read: no work grows with its square."""

from time import process_time

import pytest

from penstock.domain.errors import InvalidInput
from penstock.files.reading import How, read

MANY = 200_000
HOSTILE = {
    "a tag that never ends": b"<OFX><" + b"A" * MANY + b"</OFX>",
    "texts that never end": b"<OFX>" + b"<![CDATA[" * MANY + b"</OFX>",
    "tags that never end": b"<OFX>" + b"<A " * MANY + b"</OFX>",
    "ends that never end": b"<OFX>" + b"</OFX " * MANY + b"</OFX>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_file_is_refused_at_once(name: str) -> None:
    """Each took minutes, or hours, in which nothing else of the process went on."""
    began = process_time()
    with pytest.raises(InvalidInput):
        read(HOSTILE[name], How())
    assert process_time() - began < 5
