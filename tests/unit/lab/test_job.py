"""How jobs end: well, badly, late, or because nobody wants them any more."""

import asyncio
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ensemble.lab.job import Ending, Job, run_job

REPORT = "import json, os, sys; channel = int(sys.argv[1]); request = json.load(sys.stdin)\n"
DONE = "os.write(channel, json.dumps({'event': 'ended', 'status': 'ok'}).encode() + b'\\n')\n"


class Worker:
    """Runs a text as the worker's module, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[dict[str, Any]] = []
        self.spoke = asyncio.Event()

    def hear(self, event: dict[str, Any]) -> None:
        self.heard.append(event)
        self.spoke.set()

    async def run(self, text: str, *, wall_s: float = 30, **request: Any) -> Ending:
        (self.folder / "strange_worker.py").write_text(REPORT + textwrap.dedent(text))
        job = Job(request, self.folder / "job", 1, wall_s, module="strange_worker")
        return await run_job(job, self.hear)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Worker(tmp_path)


async def ended(pid: int) -> None:
    """Return once the process is gone; fail where it stays."""
    async with asyncio.timeout(10):
        while is_alive(pid):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def test_events_are_heard_and_the_ending_is_returned(worker: Worker) -> None:
    told = (
        "os.write(channel, json.dumps({'event': 'epoch', 'n': request['n']}).encode() + b'\\n')\n"
    )

    ending = await worker.run(told + DONE, n=4)

    assert worker.heard == [{"event": "epoch", "n": 4}]
    assert ending.status == "ok"


async def test_a_flood_of_output_goes_to_a_file_and_not_into_the_events(worker: Worker) -> None:
    ending = await worker.run('print(\'{"event": "ended"}\' * 100_000)\n' + DONE)

    assert ending.status == "ok"
    assert worker.heard == []
    assert (worker.folder / "job" / "stdout.txt").stat().st_size > 1_000_000


async def test_a_crash_names_its_signal(worker: Worker) -> None:
    ending = await worker.run("import signal; os.kill(os.getpid(), signal.SIGSEGV)")

    assert ending.status == "crash:SIGSEGV"


async def test_an_exit_names_its_status_and_last_words(worker: Worker) -> None:
    ending = await worker.run("raise ValueError('no such column')")

    assert ending.status == "exit:1"
    assert ending.error is not None
    assert "no such column" in ending.error


async def test_a_library_that_aborts_for_want_of_memory_is_oom(worker: Worker) -> None:
    ending = await worker.run(
        'print("terminate: what():  std::bad_alloc", file=sys.stderr, flush=True); os.abort()'
    )

    assert ending.status == "oom"


async def test_used_up_processor_time_is_a_timeout(worker: Worker) -> None:
    ending = await worker.run(
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"
    )

    assert ending.status == "timeout"


async def test_a_job_that_ignores_the_first_signal_is_killed_at_its_limit(worker: Worker) -> None:
    ending = await worker.run(
        """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(channel, json.dumps({"event": "pid", "pid": os.getpid()}).encode() + b"\\n")
        time.sleep(60)
        """,
        wall_s=1,
    )

    assert ending.status == "timeout"
    await ended(worker.heard[0]["pid"])


async def test_a_cancelled_job_ends_with_all_of_its_group(worker: Worker) -> None:
    text = """
        import subprocess, time
        child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 60; true"])
        pids = {"event": "pids", "own": os.getpid(), "child": child.pid}
        os.write(channel, json.dumps(pids).encode() + b"\\n")
        time.sleep(60)
        """
    running = asyncio.create_task(worker.run(text))
    async with asyncio.timeout(20):
        await worker.spoke.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await ended(worker.heard[0]["own"])
    await ended(worker.heard[0]["child"])


async def test_a_job_sees_only_the_environment_it_needs(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_TOKEN", "secret")
    monkeypatch.setenv("HOME", "/home/somebody")
    told = "os.write(channel, json.dumps({'event': 'env', **os.environ}).encode() + b'\\n')\n"

    await worker.run(told + DONE)

    seen = worker.heard[0]
    assert "ANTHROPIC_TOKEN" not in seen
    assert seen["HOME"] == str(worker.folder / "job")
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["MKL_NUM_THREADS"] == "1"


async def test_a_job_leads_a_session_of_its_own(worker: Worker) -> None:
    told = (
        "os.write(channel, json.dumps({'event': 'sid', 'sid': os.getsid(0)}).encode() + b'\\n')\n"
    )

    await worker.run(told + DONE)

    assert worker.heard[0]["sid"] != os.getsid(0)
