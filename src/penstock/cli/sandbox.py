"""`penstock sandbox`: the fake bank alone, to try things out on and to test against."""

import asyncio
from typing import TYPE_CHECKING

import click

from penstock.cli.failure import Failed, Misused
from penstock.cli.flags import Command
from penstock.cli.stopping import asked_to_stop
from penstock.cli.terminal import say
from penstock.domain.option import variable
from penstock.sandbox.bank import PEOPLE
from penstock.sandbox.scenario import IN_WORDS, Scenario

if TYPE_CHECKING:
    from penstock.sandbox.bank import Bank
    from penstock.sandbox.faces.face import Face
    from penstock.sandbox.server import Options

PORT = 8322


HELP = """Run the fake bank on 127.0.0.1 until it is interrupted.

Link it with `penstock connect sandbox`. It forgets everything when it ends.

\b
Scenarios:
""" + "\n".join(f"  {one:<20}  {IN_WORDS[one]}" for one in Scenario)


@click.command(cls=Command, help=HELP)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Where to listen; 0 takes a free port.",
)
@click.option(
    "--scenario",
    type=click.Choice([one.value for one in Scenario]),
    default=Scenario.CALM.value,
    metavar="SCENARIO",
    help="What the consent page proposes; the person may choose another.",
)
@click.option(
    "--transactions",
    type=click.IntRange(2, 10_000_000),
    default=15,
    show_default=True,
    help="How many each person has at the beginning.",
)
@click.option(
    "--page-size",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Rows on a page, unless the reader asks for another number.",
)
@click.option(
    "--latency-ms",
    type=click.FloatRange(0, 60_000),
    default=0,
    show_default=True,
    help="How long every answer waits.",
)
@click.option(
    "--face",
    metavar="NAME",
    help="Say how to link it as if it were this connector's bank (see `penstock connectors`).",
)
def sandbox(
    port: int,
    scenario: str,
    transactions: int,
    page_size: int,
    latency_ms: float,
    face: str | None,
) -> None:
    """Run the fake bank."""
    from penstock.sandbox.server import Options

    options = Options(
        port=port,
        scenario=Scenario(scenario),
        transactions=transactions,
        page_size=page_size,
        latency_ms=latency_ms,
    )
    asyncio.run(_serve(options, _face(face)))


def _face(name: str | None) -> "Face | None":
    from penstock.sandbox.faces.registry import FACES

    faces = {face.name: face for face in FACES}
    if name is not None and name not in faces:
        raise Misused(
            f"the sandbox bank cannot play {name!r}", remedy=f"It can play {', '.join(faces)}."
        )
    return faces[name] if name else None


def _say_how(face: "Face", bank: "Bank") -> None:
    """Say what to set, and what to paste, to link the bank under this face."""
    say("Set this where Penstock runs:")
    for option, text in face.options(bank.url).items():
        say(f"  {variable(f'{face.name}_{option}')}={text}")
    say(f"Then: penstock connect {face.name}")
    if face.pasted:
        person, scenario = next(iter(PEOPLE)), bank.options.scenario
        pasted = face.pasted(bank, person, scenario)
        say(f"What it asks you to paste, or takes with --token-stdin: {pasted}")


async def _serve(options: "Options", face: "Face | None") -> None:
    from penstock.sandbox.server import running

    with asked_to_stop() as asked:
        try:
            async with running(options) as bank:
                say(f"The sandbox bank listens on {bank.url}")
                say(f"{options.transactions} transactions, scenario {options.scenario}.")
                if face is not None:
                    _say_how(face, bank)
                elif options.port != PORT:
                    say(f"Tell Penstock where: PENSTOCK_SANDBOX_URL={bank.url}")
                say("Stop it with Ctrl-C.")
                await asked.wait()
        except OSError as error:
            raise Failed(
                f"the port {options.port} cannot be listened on: {error.strerror or error}",
                remedy="Choose another with --port; 0 takes a free one.",
            ) from error
