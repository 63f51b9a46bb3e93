"""What to do after the demo."""

import sys
from pathlib import Path

_NEXT = """
That was the sandbox bank. Now your own installation (from a checkout: `uv run penstock …`):

  penstock sandbox                           the fake bank, in a terminal of its own
  penstock user add NAME                     a person
  penstock login --username NAME
  penstock connect sandbox                   or a real bank: penstock connectors
  penstock sync
  penstock transactions
  penstock serve                             the API, and fresh data by itself
"""
_KEPT = """
The demo's installation is kept. Its bank is gone, but its ledger can be read:

  {command} transactions
"""


def how_to_go_on(home: Path | None) -> str:
    """Return the commands to go on with; of the kept home, if there is one."""
    if home is None:
        return _NEXT.rstrip()
    quoted = f'"{home}"' if sys.platform == "win32" or " " in str(home) else str(home)
    return (_KEPT.format(command=f"penstock --home {quoted}") + _NEXT).rstrip()
