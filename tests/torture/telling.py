"""How a process of a torture waits for the others, and tells what it found: by files."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Telling:
    """The files of one process, which all begin with a path."""

    path: str

    def say_ready(self) -> None:
        """Say that this process may begin."""
        self._file("ready").touch()

    def is_ready(self) -> bool:
        """Whether it said so."""
        return self._file("ready").exists()

    def let_go(self) -> None:
        """Let the process begin."""
        self._file("go").touch()

    def may_go(self) -> bool:
        """Whether it may."""
        return self._file("go").exists()

    def tell(self, found: list[str]) -> None:
        """Write down what was found, all at once."""
        self._file("part").write_text(json.dumps(found))
        self._file("part").rename(self.path)

    def told(self) -> list[str]:
        """Return what was found; nothing of a process that died before it told."""
        file = Path(self.path)
        found: list[str] = json.loads(file.read_text()) if file.exists() else []
        return found

    def _file(self, kind: str) -> Path:
        return Path(f"{self.path}.{kind}")
