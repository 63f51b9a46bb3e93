"""Days, amounts and currencies on the command line: what cannot be one is a usage error."""

import re
from typing import Any, Final

import click

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Day(click.ParamType[str]):
    """A day, written YYYY-MM-DD; it stays a text, for the API reads it."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the day as it was written."""
        if not _is_day(str(value)):
            self.fail(f"{value!r} is no day: write it as YYYY-MM-DD.", param, ctx)
        return str(value)


class Amount(click.ParamType[str]):
    """An exact amount; it stays a text, for the API reads it."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the amount as it was written."""
        if not re.fullmatch(r"[+-]?\d+(\.\d+)?", value, re.ASCII):
            self.fail(f"{value!r} is no amount: write it like 1250.75 or -12.50.", param, ctx)
        return str(value).removeprefix("+")


class Currency(click.ParamType[str]):
    """A currency's code, in capitals however it was written; pence (GBp) are GBX."""

    name = "currency"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code as we write it."""
        from penstock.domain.currency_codes import code_of

        code = code_of(str(value))
        if code is None:
            self.fail(f"{value!r} is no currency: write its code, like EUR.", param, ctx)
        return code


def _is_day(text: str) -> bool:
    from datetime import date

    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


DAY: Final = Day()
AMOUNT: Final = Amount()
CURRENCY: Final = Currency()
NEGATIVE: Final = {"ignore_unknown_options": True}
"""The settings of a command of which an argument may be -12.50: that is no option."""
