"""What a torture has to say: figures, and what was violated."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

Figures = dict[str, int | float | str]


@dataclass(frozen=True, slots=True)
class How:
    """How a torture is run. `seed` repeats what chance did; `long` is the full measure."""

    seed: int
    long: bool = False


@dataclass(slots=True)
class Report:
    """How one torture went, on one database."""

    torture: str
    where: str
    seed: int
    figures: Figures = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> Mapping[str, object]:
        """Return it as one JSON object."""
        return {
            "torture": self.torture,
            "where": self.where,
            "seed": self.seed,
            "figures": self.figures,
            "violations": self.violations,
        }

    def lines(self) -> list[str]:
        """Return it as lines for people."""
        width = max((len(name) for name in self.figures), default=0)
        head = f"{self.torture} on {self.where}, seed {self.seed}"
        figures = [f"  {name:<{width}}  {number}" for name, number in self.figures.items()]
        return [head, *(f"  VIOLATED: {one}" for one in self.violations), *figures]


Torture = Callable[[How], Coroutine[Any, Any, list[Report]]]
