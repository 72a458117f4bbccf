"""The node's side of the lab: equal questions are measured once, and answers kept.

`Lab.run` takes a spec and returns a result document, also when the job failed: a caller gets
a typed status, never a traceback. Knows nothing of graphs, and imports no torch.
"""

import asyncio
import copy
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ensemble.errors import EnsembleError, Refused
from ensemble.lab.job import Ending, Heard, Job, run_job
from ensemble.lab.question import Question, read_question, versions
from ensemble.lab.specs import Evaluate, Spec
from ensemble.lab.store import Store, read_result

_BESIDE = "running.lock"


@dataclass
class _Flight:
    """A job under way and those who wait for it."""

    task: "asyncio.Task[dict[str, Any]]"
    waiters: int = 0
    listeners: list[Heard] = field(default_factory=list[Heard])


class Lab:
    """Answers specs about the data of one workspace. Close it when done."""

    def __init__(self, workspace: Path, store: Path, *, threads: int = 2) -> None:
        """Measure files of `workspace`, keep answers in `store`, use `threads` cores at once."""
        self.workspace = workspace
        self.store = Store(store.absolute())
        self.threads = threads
        self._flights: dict[tuple[str, str], _Flight] = {}
        self._free = threads
        self._freed = asyncio.Condition()
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every job under way; those who wait get a document that says `cancelled`."""
        self._closing = True
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def run(
        self, spec: Spec, *, of: str | None = None, heard: Heard | None = None
    ) -> dict[str, Any]:
        """Return the result document of `spec`; `status` says how it went.

        Equal specs that are asked at the same time are one job. When the last of those who
        wait for it is cancelled, the job is ended.

        Args:
            spec: what is measured.
            of: the cache key of the result that `spec.of` names.
            heard: told each progress event, for the display only.
        """
        try:
            self._refuse_too_many_threads(spec)
            question = read_question(spec, of, workspace=self.workspace, store=self.store)
        except EnsembleError as error:
            reason = "policy" if isinstance(error, Refused) else "spec"
            return _failed(spec, Ending(f"refused:{reason}", str(error)), None)
        except (OSError, ValueError) as error:  # what a spec names may be anything
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            return _failed(spec, Ending("refused:spec", f"cannot be read: {reason}"), None)
        name = (question.key, spec.cache)
        flight = self._flights.get(name)
        if flight is None:
            flight = _Flight(asyncio.create_task(self._answer(question)))
            self._flights[name] = flight
        if heard is not None:
            flight.listeners.append(heard)
        return await self._wait(name, flight) | {"spec": spec.model_dump(mode="json")}

    async def _wait(self, name: tuple[str, str], flight: _Flight) -> dict[str, Any]:
        flight.waiters += 1
        try:
            return copy.deepcopy(await asyncio.shield(flight.task))
        except asyncio.CancelledError:
            if flight.waiters == 1 and not flight.task.done():
                self._flights.pop(name, None)  # nobody may join a job that is being ended
                flight.task.cancel()
                await asyncio.gather(flight.task, return_exceptions=True)
            raise
        finally:
            flight.waiters -= 1
            if flight.task.done() and self._flights.get(name) is flight:
                del self._flights[name]

    async def _answer(self, question: Question) -> dict[str, Any]:
        try:
            return await self._measured(question)
        except EnsembleError as error:
            return _failed(question.spec, Ending("refused:store", str(error)), question)
        except OSError as error:
            text = f"the lab cannot work in its folder {self.store.root}: {error}"
            return _failed(question.spec, Ending("refused:store", text), question)
        except asyncio.CancelledError:
            if not self._closing:
                raise
            ending = Ending("cancelled", "the lab was closed while the job ran")
            return _failed(question.spec, ending, question)

    async def _measured(self, question: Question) -> dict[str, Any]:
        """Return the kept answer, or measure once the key, the cores and the machine are free."""
        spec, key = question.spec, question.key
        async with self.store.locked(f"{key.removeprefix('sha256:')}/lock") as own:
            kept = self.store.found(key)
            if kept is not None and spec.cache == "use" and not is_noisy(kept):
                return kept | {"cached": True, "age_s": round(self.store.age_s(key), 1)}
            async with self._cores(spec):
                return await self._alone_if_exclusive(question, own, replicate=kept is not None)

    async def _alone_if_exclusive(
        self, question: Question, own: int, *, replicate: bool
    ) -> dict[str, Any]:
        spec = question.spec
        try:
            async with asyncio.timeout(spec.limits.wall_s) as waiting:
                async with self.store.locked(_BESIDE, shared=not spec.exclusive) as beside:
                    waiting.reschedule(None)
                    return await self._run(question, (own, beside), replicate=replicate)
        except TimeoutError:
            ending = Ending("refused:busy", "other jobs kept the machine busy all the time")
            return _failed(spec, ending, question)

    async def _run(
        self, question: Question, inherits: tuple[int, int], *, replicate: bool
    ) -> dict[str, Any]:
        spec, key = question.spec, question.key
        folder = self.store.folder(key)
        if spec.cache == "off":
            folder = Path(tempfile.mkdtemp(prefix="off-", dir=self.store.root))
        elif replicate and spec.cache == "refresh":
            folder = self.store.next_replicate(key)
        try:
            job = Job(
                request=self._request(question, folder),
                folder=folder,
                threads=spec.threads,
                wall_s=spec.limits.wall_s,
                alone=spec.exclusive,
                inherits=inherits,
            )
            ending = await run_job(job, lambda event: self._tell(question, event))
            result = read_result(folder) if ending.status == "ok" else None
            if result is None:
                return _failed(spec, ending, question)
            if spec.cache == "off":
                result["artifacts"] = {}
            return result
        finally:
            if spec.cache == "off":
                shutil.rmtree(folder, ignore_errors=True)

    def _request(self, question: Question, folder: Path) -> dict[str, Any]:
        return {
            "spec": question.spec.model_dump(mode="json"),
            "cache_key": question.key,
            "folder": str(folder),
            "store": str(self.store.root),
            "device": question.device,
            "device_reason": question.device_reason,
            "data": None if question.data is None else str(question.data),
            "data_sha256": question.data_sha256,
            "of": None if question.of is None else str(question.of),
        }

    def _refuse_too_many_threads(self, spec: Spec) -> None:
        if spec.threads > self.threads:
            raise Refused(
                f"{spec.threads} threads are asked, the lab has {self.threads}",
                where=f"spec of {spec.tool}",
                fix=f"ask for at most {self.threads}, or give the lab more",
            )

    def _tell(self, question: Question, event: dict[str, Any]) -> None:
        flight = self._flights.get((question.key, question.spec.cache))
        for listener in () if flight is None else tuple(flight.listeners):
            listener(event)

    @asynccontextmanager
    async def _cores(self, spec: Spec) -> AsyncGenerator[None]:
        """Hold as many cores as the job has threads; a benchmark holds all of them."""
        wanted = self.threads if spec.exclusive else spec.threads
        async with self._freed:
            await self._freed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            async with self._freed:
                self._freed.notify_all()


def _failed(spec: Spec, ending: Ending, question: Question | None) -> dict[str, Any]:
    """Return the document of a job that measured nothing; its gates are inconclusive."""
    wanted = dict(spec.gate)
    if isinstance(spec, Evaluate) and spec.claim is not None:
        wanted["claim_holds"] = spec.claim
    return {
        "tool": spec.tool,
        "spec": spec.model_dump(mode="json"),
        "status": ending.status,
        "value": {},
        "gates": [
            {
                "name": name,
                "threshold": threshold,
                "value": None,
                "passed": None,
                "detail": f"not measured: {ending.status}",
            }
            for name, threshold in wanted.items()
        ],
        "passport": {
            "device": question and question.device,
            "threads": spec.threads,
            "seeds": {"root": spec.seed},
            "data_sha256": question and question.data_sha256,
            "method_version": spec.method_version,
            "versions": versions(),
        },
        "cached": False,
        "age_s": 0.0,
        "cache_key": question and question.key,
        "artifacts": {},
        "error": ending.error,
    }


def is_noisy(result: Mapping[str, Any]) -> bool:
    """Whether a timing was disturbed: it is kept and shown, but not taken for an answer."""
    return bool(result["passport"]["noise"].get("noisy"))
