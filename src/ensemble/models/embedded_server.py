"""The child process that serves the embedded model to every run of one user on one host.

It listens on loopback on a port and with a key of its own making, which it writes to a state
file that only its user can read. Each client holds a shared lock on the `clients` file for as
long as it lives, so the kernel itself tells when the last one is gone; then the server ends.

Started as `python -m ensemble.models.embedded_server`, and by `embedded` only.
"""

import argparse
import fcntl
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final

STATE: Final = "state.json"
CLIENTS: Final = "clients"
START: Final = "start.lock"
LOG: Final = "server.log"
READY: Final = b"ready\n"
HEALTHY_WITHIN_S: Final = 60.0
LOOPBACK: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens what is on this host, and never through a proxy that the environment names."""

_LOOK_EVERY_S: Final = 0.5
_CACHE_RAM_MIB: Final = 64


@contextmanager
def starting(folder: Path) -> Generator[None]:
    """Hold the lock under which a server is started, joined or ended."""
    with (folder / START).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take_lease(folder: Path) -> IO[str]:
    """Return the open file that makes this process a client until it is closed."""
    lease = (folder / CLIENTS).open("a")
    fcntl.flock(lease, fcntl.LOCK_SH)
    return lease


def is_healthy(url: str, within_s: float = 1.0) -> bool:
    """Return whether the server at `url` is loaded and answers."""
    try:
        with LOOPBACK.open(f"{url}/health", timeout=within_s) as answer:
            return answer.status == 200  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def main(arguments: list[str] | None = None) -> None:
    """Serve until the last client is gone."""
    parser = argparse.ArgumentParser(prog="python -m ensemble.models.embedded_server")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--gguf", type=Path, required=True)
    for name in ("threads", "context", "slots"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args(arguments)
    # The launcher ends here, so that no client has a child to wait for.
    if os.fork():
        os._exit(0)
    os.setsid()
    ready = _redirect(given.folder / LOG)
    key = secrets.token_urlsafe(32)
    server = _serve(given.gguf, given.threads, given.context, given.slots, key)
    url = str(server.listening_address).rstrip("/")
    until = time.monotonic() + HEALTHY_WITHIN_S
    while not is_healthy(url):
        if time.monotonic() > until:
            sys.exit(f"the model was not loaded within {HEALTHY_WITHIN_S:g} s")
        time.sleep(0.05)
    _write_state(given.folder, {"url": url, "key": key, "pid": os.getpid()})
    os.write(ready, READY)
    os.close(ready)
    _wait_for_the_last_client(given.folder)
    os._exit(0)  # the engine's threads have nothing to save


def _redirect(log: Path) -> int:
    """Send all output to the log and return the pipe on which the client waits."""
    ready = os.dup(1)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    return ready


def _serve(gguf: Path, threads: int, context: int, slots: int, key: str) -> Any:
    # The engine ships no types.
    xllamacpp: Any = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_parallel = slots
    params.n_ctx = context * slots
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = _CACHE_RAM_MIB
    params.endpoint_metrics = True
    params.ui = False
    return xllamacpp.Server(params)


def _write_state(folder: Path, state: dict[str, Any]) -> None:
    partial = folder / f".{STATE}.{os.getpid()}"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(state, file)
    partial.replace(folder / STATE)


def _wait_for_the_last_client(folder: Path) -> None:
    """Return once no client holds a lease, with the state taken away before one can join."""
    with (folder / CLIENTS).open("a") as clients:
        while True:
            time.sleep(_LOOK_EVERY_S)
            with starting(folder):
                if _is_free(clients):
                    (folder / STATE).unlink(missing_ok=True)
                    return


def _is_free(clients: IO[str]) -> bool:
    try:
        fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(clients, fcntl.LOCK_UN)
    return True


if __name__ == "__main__":
    main()
