"""The command as a user types it: a project of its own, a model server, processes to start.

A test gets a copy of the project with one small scenario whose measurements are cached, and a
server on loopback that answers by the schema it is sent. Nothing of the user's is read but
the cache with the embedded model's weights.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from ensemble.config import cache_folder
from ensemble.journal.record import is_blob_line
from ensemble.testing.model_server import Act, ModelServer, model_server, says

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

CHECKOUT: Final = Path(__file__).parents[2]
SMALL: Final = """\
schema: ensemble/scenario@1
name: small
task: May the model trained by train.py be promoted?
choices: [promote, request-changes]
inputs: {workspace: fixtures/leaky-trainer, files: [train.py]}
graph: review
cast:
  panel: [ml-engineer, data-scientist]
  auditor: skeptic
  chair: senior-architect
models: {chain: [test/model]}
lab: {before: [{id: data, tool: check_data, dataset: data.npz}]}
decision: {rule: chair, quorum: 1, on_gate_failed: request-changes}
recording: {dir: recordings/small}
expect: {position: request-changes}
"""


@dataclass
class Command:
    """The command line in one project."""

    project: Path
    environment: dict[str, str]

    def __call__(
        self,
        *words: str | Path,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 240,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run `ensemble` to its end; a traceback fails the test."""
        done = subprocess.run(
            self.line(*words),
            cwd=self.project,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            **options,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done

    @contextmanager
    def started(self, *words: str | Path) -> "Generator[subprocess.Popen[str]]":
        """Start `ensemble` and leave no process behind."""
        with subprocess.Popen(
            self.line(*words),
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def json(self, *words: str | Path, status: int = 0, **options: Any) -> Any:
        """Run `ensemble … --json` and return the one document on stdout."""
        done = self(*words, "--json", **options)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def events(self, run: str | None = None) -> list[dict[str, Any]]:
        """Return the journal of a run; of the only one where none is named."""
        folder = self.runs[0] if run is None else self.project / ".ensemble" / "runs" / run
        lines = (folder / "events.jsonl").read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines if not is_blob_line(line)]

    @property
    def runs(self) -> list[Path]:
        """The folders of this project's runs, oldest first."""
        place = self.project / ".ensemble" / "runs"
        return sorted(place.iterdir()) if place.is_dir() else []

    @staticmethod
    def line(*words: str | Path) -> list[str]:
        """Return the command line of a process."""
        return [sys.executable, "-m", "ensemble", *map(str, words)]


@dataclass
class Answering:
    """A model server that answers by the schema of each request."""

    server: ModelServer
    held_after: int | None = None
    """Requests beyond so many wait for ever."""

    @property
    def asked(self) -> int:
        """How many requests have come."""
        return len(self.server.requests)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return what the command's environment holds, with no key and none of the user's settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
    named = {name: os.environ[name] for name in kept if name in os.environ}
    measured = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    return {**named, **measured, "ENSEMBLE_CACHE": str(cache_folder())}


@pytest.fixture(scope="session")
def at(environment: dict[str, str]) -> Callable[[Path], Command]:
    """Return what makes the command line of a project, with settings of its own."""
    return lambda project: _with_settings(project, environment)


def _with_settings(project: Path, environment: dict[str, str]) -> Command:
    settings = project / "settings.toml"
    settings.touch()
    return Command(project, {**environment, "ENSEMBLE_CONFIG": str(settings)})


@pytest.fixture(scope="session")
def measured_project(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """Return a project whose small scenario's measurements are in its lab's store."""
    folder = tmp_path_factory.mktemp("template") / "project"
    for name in ("agents", "graphs"):
        shutil.copytree(
            CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copytree(CHECKOUT / "scenarios" / "fixtures", folder / "scenarios" / "fixtures")
    (folder / "scenarios" / "small.yaml").write_text(SMALL)
    command = Command(folder, {**environment, "ENSEMBLE_CONFIG": os.devnull})
    done = command("run", "scenarios/small.yaml", "--model", "manual")
    assert done.returncode == 8, done.stderr
    shutil.rmtree(folder / ".ensemble" / "runs")
    return folder


@pytest.fixture
def project(measured_project: Path, tmp_path: Path) -> Path:
    """Return a project of this test's own."""
    return shutil.copytree(measured_project, tmp_path / "project")


@pytest.fixture
def command(project: Path, environment: dict[str, str]) -> Command:
    """Return the command line in this test's project, with no model to ask but its own."""
    return _with_settings(project, environment)


@pytest.fixture
def answering(project: Path) -> Iterator[Answering]:
    """Run a model server in a thread, and name it `test` in the settings."""
    with _served() as answering:
        text = f'[providers.test]\nbase_url = "{answering.server.base_url}"\nform = "schema"\n'
        (project / "settings.toml").write_text(text)
        yield answering


@pytest.fixture(scope="session")
def recorded_project(
    measured_project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
) -> Path:
    """Return a project in which the small scenario has a recording."""
    folder = shutil.copytree(measured_project, tmp_path_factory.mktemp("recorded") / "project")
    with _served() as answering:
        settings = folder / "settings.toml"
        settings.write_text(
            f'[providers.test]\nbase_url = "{answering.server.base_url}"\nform = "schema"\n'
        )
        command = Command(folder, {**environment, "ENSEMBLE_CONFIG": str(settings)})
        done = command("run", "scenarios/small.yaml", "--record")
        assert done.returncode == 0, done.stderr
    settings.unlink()
    return folder


@pytest.fixture
def recorded(recorded_project: Path, tmp_path: Path, environment: dict[str, str]) -> Command:
    """Return the command line in a project of this test's own that holds a recording."""
    folder = shutil.copytree(recorded_project, tmp_path / "recorded")
    shutil.rmtree(folder / ".ensemble")
    return Command(folder, {**environment, "ENSEMBLE_CONFIG": str(folder / "settings.toml")})


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Return what waits for something to become true, and fails after a minute."""

    def wait(holds: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < until, "it never came"
            time.sleep(0.02)

    return wait


@contextmanager
def _served() -> Generator[Answering]:
    """Run the model server in a loop of its own."""
    ready, ending = threading.Event(), asyncio.Event()
    made: list[Answering] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with _answering() as answering:
            made.append(answering)
            ready.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(30)
        loop.close()


@asynccontextmanager
async def _answering() -> AsyncGenerator[Answering]:
    """Run a server that answers by schema, or holds an answer back for ever."""

    async def act(request: "Request") -> "StreamResponse":
        body: dict[str, Any] = await request.json()
        schema = body["response_format"]["json_schema"]["schema"]
        fields: dict[str, Any] = (schema.get("anyOf") or [schema])[0]["properties"]
        if answering.held_after is not None and answering.asked > answering.held_after:
            await asyncio.Event().wait()
        answer = says(json.dumps(_answer(fields)), prompt_tokens=4000, cached_tokens=60)
        return await answer(request)

    acts: tuple[Act, ...] = (act,)
    async with model_server(*acts) as server:
        answering = Answering(server)
        yield answering


def _answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer that fits a schema's fields."""
    known: dict[str, Any] = {
        "result": "Rows stand in two splits.",
        "confidence": "high",
        "uncertainty": ["Only one seed was tried."],
        "verification": "Run check_data.",
        "position": "request-changes",
        "body": "Split first, then scale.",
        "claims": [{"text": "No row is in two splits", "evidence": "L1/leak", "holds": False}],
        "findings": [
            {
                "severity": "HIGH",
                "title": "No gradient clipping",
                "location": "train.py:17",
                "issue": "It may explode.",
                "impact": "A lost run.",
                "recommendation": "Clip.",
            }
        ],
    }
    given = {name: known[name] for name in fields if name in known}
    if "dispositions" in fields:
        settled = {"state": "accepted", "reason": "It stands."}
        given["dispositions"] = dict.fromkeys(fields["dispositions"]["properties"], settled)
    return given
