"""The embedded model: asked through a server that all runs of one user on one host share.

The server is started when it is first asked, in a process of its own, and ends with its last
client. Its words exercise the machinery; the selection says plainly that it answers.
"""

import asyncio
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from ensemble.config import Embedded, cache_folder
from ensemble.errors import EnsembleError, NoModelLeft
from ensemble.models.embedded_server import (
    LOG,
    LOOPBACK,
    READY,
    STATE,
    is_healthy,
    starting,
    take_lease,
)
from ensemble.models.openai_chat import openai_chat
from ensemble.models.provider import (
    EMBEDDED,
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
)
from ensemble.models.weights import fetch_weights
from ensemble.models.wire import Endpoint

_FIRST_BYTE_S: Final = 600.0
_IDLE_S: Final = 120.0
_KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")
_PROMPT_TOKENS: Final = re.compile(r"^llamacpp:prompt_tokens_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Lease:
    """This process's hold on a running server."""

    url: str
    key: str
    pid: int
    file: IO[str]


def embedded_chat(settings: Embedded) -> Provider:
    """Return the provider that asks the embedded model."""

    async def ask_embedded(candidate: Candidate, call: ModelCall) -> Reply:
        try:
            lease = await asyncio.to_thread(join_server, settings)
        except EnsembleError as error:
            raise ModelFailure(Failure.NOT_FOUND, error.problem) from error
        endpoint = Endpoint(
            EMBEDDED,
            f"{lease.url}/v1",
            key=lease.key,
            first_byte_s=_FIRST_BYTE_S,
            idle_s=_IDLE_S,
        )
        try:
            return await openai_chat(endpoint)(candidate, call)
        except ModelFailure as failure:
            if failure.kind is Failure.TRANSPORT:
                leave_server()  # it may be gone: the next attempt looks, and starts another
            raise

    return ask_embedded


def join_server(settings: Embedded) -> Lease:
    """Return this process's lease on the server for `settings`, starting it where none runs.

    Raises:
        NoModelLeft: the weights cannot be had, or the server did not start.
        CannotWrite: the cache folder cannot be written.
    """
    with _joining:
        gguf = settings.gguf.resolve() if settings.gguf else fetch_weights()
        folder = _folder(settings, gguf)
        if (kept := _leases.get(folder)) is not None:
            return kept
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with starting(folder):
            file = take_lease(folder)
            try:
                state = _running(folder) or _start(folder, gguf, settings)
            except BaseException:
                file.close()
                raise
        lease = Lease(state["url"], state["key"], state["pid"], file)
        _leases[folder] = lease
        return lease


def leave_server() -> None:
    """Give up this process's leases; a server without clients ends by itself."""
    with _joining:
        while _leases:
            _, lease = _leases.popitem()
            lease.file.close()


def prompt_tokens_computed(settings: Embedded) -> int:
    """Return how many prompt tokens the running server has computed, by its own counter."""
    lease = join_server(settings)
    request = urllib.request.Request(  # noqa: S310 - our own server on loopback
        f"{lease.url}/metrics", headers={"Authorization": f"Bearer {lease.key}"}
    )
    with LOOPBACK.open(request, timeout=10) as answer:
        found = _PROMPT_TOKENS.search(answer.read().decode())
    return int(float(found[1])) if found else 0


_joining: Final = threading.Lock()
_leases: Final[dict[Path, Lease]] = {}


def _folder(settings: Embedded, gguf: Path) -> Path:
    """Return the folder of the server with these settings on this host."""
    size = gguf.stat().st_size if gguf.is_file() else 0
    told = [str(gguf), size, settings.threads, settings.context]
    name = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]
    return cache_folder() / "embedded" / f"{platform.node() or 'host'}-{name}"


def _running(folder: Path) -> dict[str, Any] | None:
    import psutil

    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text())
    except (OSError, ValueError):
        return None
    # Both: after a crash another process may have the number or the port.
    alive = psutil.pid_exists(int(state["pid"])) and is_healthy(str(state["url"]))
    return state if alive else None


def _start(folder: Path, gguf: Path, settings: Embedded) -> dict[str, Any]:
    (folder / STATE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "ensemble.models.embedded_server", "--folder", str(folder)]
    command += ["--gguf", str(gguf)]
    command += ["--threads", str(settings.threads), "--context", str(settings.context)]
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # Read by OpenMP when it loads: spinning threads on busy cores cost a tenfold.
    environment = {**kept, "OMP_WAIT_POLICY": "passive"}
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as launcher:
        said = launcher.stdout.read() if launcher.stdout else b""
    if said != READY:
        raise NoModelLeft(
            f"the embedded model did not start: {_last_words(folder)}",
            where=str(folder / LOG),
            fix="read the log there; check embedded.gguf and the free memory",
        )
    loaded: dict[str, Any] = json.loads((folder / STATE).read_text())
    return loaded


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / LOG).read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:300] if lines else "it said nothing"
