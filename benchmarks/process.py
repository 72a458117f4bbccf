"""Our own command as a child process: how it ended, what it said, what it cost.

The cost is CPU time, which a busy computer hardly changes. Children of the child count where
it waited for them; a server that outlives it does not.
"""

import fcntl
import os
import pty
import resource
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from ensemble.errors import EnsembleError

CHECKOUT: Final = Path(__file__).parents[1]
ENSEMBLE: Final = (sys.executable, "-m", "ensemble")

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "ENSEMBLE_CACHE")
_ROWS, _COLUMNS = 40, 120


@dataclass(frozen=True)
class Ended:
    """A child process that has ended."""

    command: str
    status: int
    out: str
    said: str
    """What it wrote to stderr."""
    cpu_s: float
    wall_s: float
    silences: tuple[float, ...] = ()
    """Seconds between one sign of life on stderr and the next, from start to end."""

    def require(self, status: int = 0) -> "Ended":
        """Return itself where it ended as it should.

        Raises:
            EnsembleError: it ended with another status, so its figures mean nothing.
        """
        if self.status != status:
            last = "\n".join(self.said.strip().splitlines()[-5:])
            raise EnsembleError(
                f"ended with status {self.status}\n{last}",
                where=self.command,
                fix="run the command by itself and mend what it says",
            )
        return self


def environment(**more: str) -> dict[str, str]:
    """Return a child's environment: without keys, settings, tracing or an Ollama to find."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "ENSEMBLE_CONFIG": os.devnull, "NO_COLOR": "1", **more}


def finished(
    command: Sequence[str], *, cwd: Path = CHECKOUT, env: Mapping[str, str] | None = None
) -> Ended:
    """Run a command to its end with its output kept."""
    with _measured() as cost:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env or environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    return Ended(
        _shown(command), done.returncode, done.stdout, done.stderr, cost.cpu_s, cost.wall_s
    )


def watched(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Ended:
    """Run a command with a terminal for its stderr, and note when it shows something."""
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    with tempfile.TemporaryFile() as out, os.fdopen(terminal, "rb", buffering=0) as screen:
        with _measured() as cost:
            started = time.monotonic()
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env={**env, "TERM": "xterm"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=its_end,
            )
            os.close(its_end)
            moments, said = _shown_on(screen.fileno())
            child.wait()
        out.seek(0)
        written = out.read().decode(errors="replace")
    times = [started, *moments, started + cost.wall_s]
    silences = tuple(after - before for before, after in pairwise(times))
    name, status = _shown(command), child.returncode
    return Ended(name, status, written, said, cost.cpu_s, cost.wall_s, silences)


def _shown_on(screen: int) -> tuple[list[float], str]:
    """Return when something appeared, and what, until no one has the terminal any more."""
    moments: list[float] = []
    said = b""
    while True:
        try:
            piece = os.read(screen, 65536)
        except OSError:  # how Linux says that the other end is closed
            piece = b""
        if not piece:
            return moments, said.decode(errors="replace")
        moments.append(time.monotonic())
        said += piece


@dataclass
class _Cost:
    cpu_s: float = 0.0
    wall_s: float = 0.0


@contextmanager
def _measured() -> Generator[_Cost]:
    """Give what children cost while the context lasted, known once it has ended."""
    cost = _Cost()
    started, before = time.monotonic(), _children_cpu_s()
    yield cost
    cost.cpu_s, cost.wall_s = _children_cpu_s() - before, time.monotonic() - started


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _shown(command: Sequence[str]) -> str:
    return " ".join(Path(word).name if word == sys.executable else word for word in command)
