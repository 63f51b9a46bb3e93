"""What was expected, what was found, and whether all of it held."""

from dataclasses import dataclass, field
from typing import Any, Final

FIGURES: Final = (
    "pages inserted changed unchanged removed paired throttled requests retries waited_ms"
).split()


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that had to be so. `wanted` is a value, or the words for a condition."""

    what: str
    wanted: Any
    found: Any
    held: bool

    def in_words(self) -> str:
        """Return what was expected and what was found, in a line."""
        return f"{self.what}: {self.wanted} was expected, {self.found} was found"


@dataclass(slots=True)
class Report:
    """Everything that the demo counted. `figures` are those of each sync, by its name."""

    expectations: list[Expectation] = field(default_factory=list)
    figures: dict[str, dict[str, int]] = field(default_factory=dict)
    tie_outs: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def broken(self) -> list[Expectation]:
        """What did not hold."""
        return [one for one in self.expectations if not one.held]

    @property
    def held(self) -> bool:
        """Whether everything was looked at, and held."""
        return bool(self.expectations) and not self.broken

    @property
    def tie_out(self) -> str:
        """`ok` if every account added up after every sync, else the first word that was not."""
        if not self.tie_outs:
            return "unproven"
        return next((one for one in self.tie_outs if one != "ok"), "ok")

    def expect(self, what: str, wanted: object, found: object) -> bool:
        """Note that `found` had to equal `wanted`; return whether it does."""
        self.expectations.append(Expectation(what, wanted, found, found == wanted))
        return found == wanted

    def expect_that(self, what: str, wanted: str, found: object, *, held: bool) -> bool:
        """Note that a condition, put into words, had to hold; return whether it does."""
        self.expectations.append(Expectation(what, wanted, found, held))
        return held

    def as_json(self) -> dict[str, Any]:
        """Return the report as programs read it."""
        return {
            **self.figures,
            "tie_out": self.tie_out,
            "held": self.held,
            "expectations": [
                {"what": one.what, "wanted": one.wanted, "found": one.found, "held": one.held}
                for one in self.expectations
            ],
            "seconds": round(self.seconds, 2),
        }
