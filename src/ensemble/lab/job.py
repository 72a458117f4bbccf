"""One job: a process of its own, in its own session, watched until it ends or is ended.

The worker reports on a descriptor of its own, one JSON object a line; what it or a library
prints goes to files in the job's folder. Has never heard of specs, keys or caches.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GRACE_S = 2.0
_LONGEST_LINE = 1 << 20
_ALLOWED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "CUDA_VISIBLE_DEVICES",
    "COVERAGE_PROCESS_CONFIG",  # so that a test run can see what its jobs execute
)
_OUT_OF_MEMORY = ("memory allocation", "allocate memory", "memoryerror", "bad_alloc")
_OVER_TIME = (signal.SIGXCPU, signal.SIGALRM)

Heard = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """What a worker process is started with."""

    request: Mapping[str, Any]
    """Sent to it as JSON on stdin."""
    folder: Path
    """Its working folder, which holds what it prints and leaves."""
    threads: int
    wall_s: float
    module: str = "ensemble.lab.worker"
    """What is run; it gets the number of the descriptor to report on."""
    alone: bool = False
    """Whether nothing else runs beside it: its threads may then spin while they wait."""
    inherits: Sequence[int] = ()
    """Descriptors of locks that live as long as the process."""


@dataclass(frozen=True)
class Ending:
    """How a job ended."""

    status: str
    """`ok`, or `oom`, `timeout`, `crash:SIG…`, `exit:N`, `refused:…`."""
    error: str | None = None


async def run_job(job: Job, heard: Heard) -> Ending:
    """Run the job to its end, or end it when its time is up or this task is cancelled."""
    reads, writes = os.pipe()
    try:
        process = await _start(job, writes)
    except BaseException:
        os.close(reads)
        raise
    finally:
        os.close(writes)
    listening = asyncio.create_task(_listen(reads, heard))
    timed_out = False
    try:
        async with asyncio.timeout(job.wall_s):
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        await asyncio.shield(_end(process))
        last = await listening
    if timed_out:
        return Ending("timeout", f"not done after {job.wall_s:g} s; its process was ended")
    return _ending(process.returncode or 0, last, job.folder)


async def _start(job: Job, writes: int) -> asyncio.subprocess.Process:
    job.folder.mkdir(parents=True, exist_ok=True)
    out, err = job.folder / "stdout.txt", job.folder / "stderr.txt"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", job.module, str(writes)),
            stdin=asyncio.subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env=_environment(job),
            cwd=job.folder,
            pass_fds=(writes, *job.inherits),
            start_new_session=True,
        )
    stdin = process.stdin
    if stdin is not None:
        with suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(json.dumps(job.request).encode())
            await stdin.drain()
        stdin.close()
    return process


def _environment(job: Job) -> dict[str, str]:
    """Return the job's environment: an allow-list, and thread counts set before any import."""
    threads = str(job.threads)
    return {name: os.environ[name] for name in _ALLOWED if name in os.environ} | {
        "HOME": str(job.folder),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "active" if job.alone else "passive",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PYTHONHASHSEED": "0",
    }


async def _listen(reads: int, heard: Heard) -> dict[str, Any]:
    """Pass on what the worker reports; return its last words, empty where there are none."""
    stream = asyncio.StreamReader(limit=_LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reads, "rb", buffering=0)
    )
    last: dict[str, Any] = {}
    try:
        while line := await stream.readline():
            with suppress(ValueError):  # a line cut by the worker's death
                event = json.loads(line)
                if event.get("event") == "ended":
                    last = event
                else:
                    heard(event)
    except ValueError:  # longer than any line the worker writes
        pass
    finally:
        transport.close()
    return last


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the job's whole group, where it has not ended by itself: TERM, two seconds, KILL."""
    if process.returncode is not None:
        return
    _signal_group(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    _signal_group(process.pid, signal.SIGKILL)  # also what the job started, if it is left
    await process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _ending(code: int, last: Mapping[str, Any], folder: Path) -> Ending:
    if code == 0 and last:
        return Ending(last["status"], last.get("error"))
    name = _signal_name(-code)
    if -code in _OVER_TIME:
        return Ending("timeout", f"the system ended it by {name}: its time was used up")
    words = _last_words(folder)
    if any(sign in words.lower() for sign in _OUT_OF_MEMORY):
        return Ending("oom", f"a library gave up for want of memory: {words}")
    if code < 0:
        return Ending(f"crash:{name}", f"the process was ended by {name}; it said: {words}")
    return Ending(f"exit:{code}", f"the process left with status {code}; it said: {words}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "stderr.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:300] if lines else "nothing"
