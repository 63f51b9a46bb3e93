"""What a person chose on the consent page: who they are, and how the bank is to behave."""

from collections.abc import Mapping

from penstock.domain.errors import InvalidInput, NotFound
from penstock.sandbox.bank import PEOPLE, Bank
from penstock.sandbox.scenario import Scenario


def scenario_in(given: Mapping[str, str], bank: Bank) -> Scenario:
    """Return the chosen scenario, or the one that the bank proposes. Raises InvalidInput."""
    word = given.get("scenario") or bank.options.scenario
    try:
        return Scenario(word)
    except ValueError:
        raise InvalidInput(f"There is no scenario {word!r}: {', '.join(Scenario)}.") from None


def person_in(given: Mapping[str, str]) -> str:
    """Return who decides, the first of the people where nobody says. Raises NotFound."""
    person = given.get("person") or next(iter(PEOPLE))
    if person not in PEOPLE:
        raise NotFound(f"Nobody called {person!r} banks here: {', '.join(PEOPLE)}.")
    return person
