"""What was worked out once, by what it was worked out from."""

from collections.abc import Callable
from typing import Final, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MOST: Final = 4096


class Remembered(dict[_Key, _Value]):
    """Works out what is asked for the first time; when it is full, it begins anew."""

    def __init__(self, work_out: Callable[[_Key], _Value]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, key: _Key) -> _Value:
        value = self._work_out(key)
        if len(self) >= MOST:
            self.clear()
        self[key] = value
        return value
