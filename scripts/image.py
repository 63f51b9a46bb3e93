"""The Dockerfile's steps, executed in a folder that stands for the image's root (try_ops.py)."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_HERE = ("groupadd", "useradd", "install -d")
FOLDERS = ("/opt/penstock", "/var/lib/penstock", "/src")


@dataclass
class Image:
    """What the Dockerfile has made so far, in a folder that stands for its root."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def inside(self, text: str) -> str:
        """Return a text with the image's folders where they are on this machine."""
        for folder in FOLDERS:
            text = re.sub(rf"(?<![\w/]){folder}\b", f"{self.root}{folder}", text)
        return text

    def surroundings(self, **more: str) -> dict[str, str]:
        """Return the environment of a process in the image: nothing of the caller's is in it."""
        known = {name: self.inside(value) for name, value in self.environment.items()}
        path = known.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        return {**known, "PATH": f"{path}:{self.root}/base/bin", "HOME": str(self.root), **more}

    @property
    def program(self) -> str:
        """Return the path of the entry point."""
        return f"{self.root}/opt/penstock/bin/{self.entry[0]}"

    def is_healthy(self, environment: dict[str, str]) -> bool:
        """Run the health check."""
        command = [f"{self.root}/opt/penstock/bin/{self.health[0]}", *self.health[1:]]
        asked = subprocess.run(command, env=environment, check=False, capture_output=True)
        return asked.returncode == 0


def build(folder: Path) -> Image:
    """Execute the Dockerfile."""
    image = Image(folder)
    for word, rest in instructions((ROOT / "ops" / "Dockerfile").read_text(encoding="utf-8")):
        print(f"{word} {rest[:100]}")
        STEPS[word](image, rest)
    return image


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction's word and the rest of it."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


def _from(image: Image, rest: str) -> None:
    """Begin a stage: only what is copied from the one before is left of it."""
    version = re.match(r"python:([\d.]+)", rest)
    image.environment, image.folder = {}, "/"
    shutil.rmtree(image.root / "src", ignore_errors=True)
    shutil.rmtree(image.root / "base", ignore_errors=True)
    wanted = version[1] if version else "3"
    for python in (wanted, ">=3.11"):
        made = subprocess.run(
            ["uv", "venv", "--quiet", "--seed", "--python", python, str(image.root / "base")],
            cwd=image.root,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
            check=False,
            capture_output=True,
        )
        if made.returncode == 0:
            return
        print(f"    Python {python} is not here: another stands for it")
    sys.exit("no Python stands for the base image")


def _run(image: Image, rest: str) -> None:
    if rest.startswith(NOT_HERE):
        print("    left out: it needs an image of its own")
        return
    index = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy")
    }
    path = f"{image.root}/base/bin:/usr/local/bin:/usr/bin:/bin"
    given = {**index, "PATH": path, "HOME": str(Path.home()), "UV_PYTHON_DOWNLOADS": "never"}
    given["VIRTUAL_ENV"] = f"{image.root}/base"
    subprocess.run(
        ["sh", "-ec", image.inside(rest)],
        cwd=image.inside(image.folder),
        env=given,
        check=True,
    )


def _copy(image: Image, rest: str) -> None:
    *sources, target = rest.split()
    if sources[0].startswith("--from="):
        if not Path(image.inside(sources[1])).exists():
            sys.exit(f"the stage before made no {sources[1]}")
        return
    to = Path(image.inside(image.folder)) / target
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, to)


def _workdir(image: Image, rest: str) -> None:
    image.folder = rest
    Path(image.inside(rest)).mkdir(mode=0o700, parents=True, exist_ok=True)


def _env(image: Image, rest: str) -> None:
    name, _, value = rest.partition("=")
    image.environment[name] = value


def _health(image: Image, rest: str) -> None:
    image.health = json.loads(rest.partition(" CMD ")[2])


def _entry(image: Image, rest: str) -> None:
    image.entry = json.loads(rest)


def _command(image: Image, rest: str) -> None:
    image.command = json.loads(rest)


def _noted(_image: Image, _rest: str) -> None:
    print("    left out: it says something to Docker itself")


STEPS = {
    "FROM": _from,
    "RUN": _run,
    "COPY": _copy,
    "WORKDIR": _workdir,
    "ENV": _env,
    "HEALTHCHECK": _health,
    "ENTRYPOINT": _entry,
    "CMD": _command,
    **dict.fromkeys(("USER", "VOLUME", "EXPOSE", "STOPSIGNAL"), _noted),
}
