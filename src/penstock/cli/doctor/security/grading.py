"""Which probe looks at which row, and what comes of it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor.security import (
    banks,
    edge,
    exposure,
    factors,
    files,
    keys,
    people,
    postgres,
    programs,
    sessions,
    trail,
)
from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.edge import Edge
from penstock.cli.doctor.security.finding import Finding, Graded, attention
from penstock.db.lane import Database
from penstock.domain.checklist import checklist
from penstock.settings import Settings

OF_SETTINGS: Final[tuple[tuple[str, Callable[[Settings], Iterable[Finding]]], ...]] = (
    ("L4", exposure.proxies),
    ("L7", exposure.passkeys),
    ("L8", exposure.password_grant),
    ("T5", exposure.metrics),
    ("C1", exposure.redirects),
    ("K3", exposure.logging),
    ("K4", files.modes),
    ("W1", exposure.listening),
    ("X2", exposure.own_network),
)
OF_INSTALLATION: Final[tuple[tuple[str, Callable[[Around], Iterable[Finding]]], ...]] = (
    ("K5", keys.source),
    ("O8", banks.certificates),
)
OF_STORE: Final[tuple[tuple[str, Callable[[sa.Connection, Around], Iterable[Finding]]], ...]] = (
    ("L1", people.hashes),
    ("L4", people.guessing),
    ("L5", people.first_person),
    ("L6", factors.second),
    ("T3", postgres.clock),
    ("T4", keys.signing),
    ("R1", sessions.only_hashes),
    ("R2", sessions.stolen),
    ("R4", sessions.one_child),
    ("R5", sessions.ages),
    ("R6", sessions.of_the_disabled),
    ("C1", programs.addresses),
    ("C6", programs.personal),
    ("O2", banks.verifiers),
    ("O6", banks.cut_off),
    ("O7", banks.consents),
    ("O9", banks.leftovers),
    ("K1", keys.opens),
    ("K2", keys.turning),
    ("K4", postgres.way),
    ("K4", trail.planted),
    ("K4", trail.touched),
    ("K5", keys.fits),
    ("X1", postgres.role),
    ("X3", trail.chain),
)
OF_EDGE: Final[tuple[tuple[str, Callable[[Edge], Iterable[Finding]]], ...]] = (
    ("T3", edge.clock),
    ("T5", edge.closed),
    ("C4", edge.metadata),
    ("W1", edge.certificate),
    ("W3", edge.headers),
)


def grade(around: Around, database: Database | None, edge: Edge | None) -> list[Graded]:
    """Return every row of the checklist with what was found of it. Nothing is changed.

    None: there is no database that can be read here, or no public address to ask.
    """
    found: dict[str, list[Finding]] = defaultdict(list)
    for name, probe in OF_SETTINGS:
        found[name] += probe(around.settings)
    for name, look in OF_INSTALLATION:
        found[name] += look(around)
    for name, finding in _stored(around, database):
        found[name].append(finding)
    if edge is not None:
        for name, asked in OF_EDGE:
            found[name] += asked(edge)
    return [Graded(row, found[row.id]) for row in checklist()]


def rows_looked_at() -> frozenset[str]:
    """Return the ids of the rows that some probe looks at."""
    probes = (*OF_SETTINGS, *OF_INSTALLATION, *OF_STORE, *OF_EDGE)
    return frozenset(name for name, _ in probes)


def _stored(around: Around, database: Database | None) -> list[tuple[str, Finding]]:
    if database is None:
        remedy = "Run this on the server's own machine; `penstock doctor` says what is wrong."
        unseen = attention("the database cannot be read from here", remedy)
        return [(name, unseen) for name, _ in OF_STORE]
    return database.read_now(_read, around)


def _read(connection: sa.Connection, around: Around) -> list[tuple[str, Finding]]:
    return [(name, one) for name, probe in OF_STORE for one in probe(connection, around)]
