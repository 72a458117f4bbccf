"""The lab as a node sees it: one job for equal questions, kept answers, typed endings."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensemble.lab.client import Lab
from ensemble.lab.specs import Spec, read_spec
from ensemble.lab.store import keep_result

CHECK: dict[str, Any] = {"tool": "check_data", "dataset": "data.npz"}
LONG: dict[str, Any] = {
    "tool": "train",
    "dataset": "data.npz",
    "arch": "cnn",
    "epochs": 1000,
    "patience": 1000,
    "hidden": 512,
}


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncGenerator[Lab]:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    draw = np.random.default_rng(0)
    x, y = draw.random((300, 16)).astype("float32"), np.arange(300) % 3
    np.savez_compressed(workspace / "data.npz", x=x, y=y)
    async with Lab(workspace, tmp_path / "store") as opened:
        yield opened


def spec(raw: dict[str, Any], **fields: Any) -> Spec:
    return read_spec(raw | fields, where="spec")


class Ear:
    """Hears the events of a job and says when the first one came."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.spoke = asyncio.Event()

    def __call__(self, event: dict[str, Any]) -> None:
        self.heard.append(event)
        self.spoke.set()


async def test_equal_questions_at_once_are_one_job(lab: Lab) -> None:
    ears = [Ear() for _ in range(5)]

    answers = await asyncio.gather(*(lab.run(spec(CHECK), heard=ear) for ear in ears))

    assert {answer["status"] for answer in answers} == {"ok"}
    assert [answer["cached"] for answer in answers] == [False] * 5
    assert len({answer["passport"]["wall_s"] for answer in answers}) == 1
    assert all(ear.heard == ears[0].heard for ear in ears)
    assert (await lab.run(spec(CHECK)))["cached"] is True


async def test_a_kept_answer_says_so_and_is_the_same(lab: Lab) -> None:
    fresh = await lab.run(spec(CHECK))

    again = await lab.run(spec(CHECK))

    assert (fresh["cached"], again["cached"]) == (False, True)
    assert {**again, "cached": False, "age_s": 0.0} == fresh


async def test_a_disturbed_timing_is_not_taken_for_an_answer(lab: Lab) -> None:
    fresh = await lab.run(spec(CHECK))
    disturbed = fresh | {"passport": fresh["passport"] | {"noise": {"noisy": True}}}
    keep_result(lab.store.folder(fresh["cache_key"]), disturbed)

    again = await lab.run(spec(CHECK))

    assert again["cached"] is False


async def test_a_refresh_measures_again_beside_the_kept_answer(lab: Lab) -> None:
    fresh = await lab.run(spec(CHECK))

    replicate = await lab.run(spec(CHECK, cache="refresh"))
    kept = await lab.run(spec(CHECK))

    assert replicate["cached"] is False
    assert replicate["value"] == fresh["value"]
    assert replicate["passport"]["wall_s"] != fresh["passport"]["wall_s"]
    assert kept["passport"]["wall_s"] == fresh["passport"]["wall_s"]


async def test_with_the_cache_off_nothing_is_kept(lab: Lab) -> None:
    answer = await lab.run(spec(CHECK, cache="off"))

    assert answer["status"] == "ok"
    assert lab.store.found(answer["cache_key"]) is None
    assert list(lab.store.root.glob("off-*")) == []


async def test_a_job_over_its_time_is_a_timeout_and_is_not_kept(lab: Lab) -> None:
    answer = await lab.run(spec(LONG, limits={"wall_s": 4}, gate={"val_accuracy": 0.5}))

    assert answer["status"] == "timeout"
    assert lab.store.found(answer["cache_key"]) is None
    assert [(gate["name"], gate["passed"]) for gate in answer["gates"]] == [("val_accuracy", None)]


async def test_a_job_over_its_memory_ends_as_oom(lab: Lab) -> None:
    x = np.zeros((4000, 20_000), dtype="uint8")  # small on disk, 305 MiB as float32
    np.savez_compressed(lab.workspace / "large.npz", x=x, y=np.arange(4000) % 2)

    answer = await lab.run(spec(CHECK, dataset="large.npz", limits={"memory_mib": 256}))

    assert answer["status"] == "oom"
    assert lab.store.found(answer["cache_key"]) is None


@pytest.mark.parametrize("raw", [CHECK, LONG | {"epochs": 1, "hidden": 8}])
async def test_loading_the_libraries_does_not_count_as_a_jobs_memory(
    lab: Lab, raw: dict[str, Any]
) -> None:
    answer = await lab.run(spec(raw, limits={"memory_mib": 256}))

    assert answer["status"] == "ok"


async def test_the_last_who_waits_takes_the_job_with_it(lab: Lab) -> None:
    ear = Ear()
    one = asyncio.create_task(lab.run(spec(LONG), heard=ear))
    other = asyncio.create_task(lab.run(spec(LONG)))
    await asyncio.wait_for(ear.spoke.wait(), 60)

    one.cancel()
    await asyncio.wait([one])
    goes_on = not other.done()
    other.cancel()
    await asyncio.wait([other])

    assert goes_on
    assert (one.cancelled(), other.cancelled()) == (True, True)
    async with asyncio.timeout(5), lab.store.locked("running.lock"):
        pass  # free only when no job is left


async def test_who_waits_when_the_lab_closes_is_told_that_it_was_cancelled(lab: Lab) -> None:
    ear = Ear()
    waiting = asyncio.create_task(lab.run(spec(LONG), heard=ear))
    await asyncio.wait_for(ear.spoke.wait(), 60)

    await lab.close()

    assert (await waiting)["status"] == "cancelled"


async def test_a_dataset_out_of_the_workspace_is_refused(lab: Lab) -> None:
    asked = spec(CHECK, dataset="../data.npz")

    answer = await lab.run(asked)

    assert answer["status"] == "refused:policy"
    assert "out of the workspace" in answer["error"]
    assert answer["passport"]["method_version"] == asked.method_version


async def test_what_the_worker_cannot_use_is_refused_with_the_reason(lab: Lab) -> None:
    (lab.workspace / "data.csv").write_text("a,b,y\n1,two,0\n")

    answer = await lab.run(spec(CHECK, dataset="data.csv"))

    assert answer["status"] == "refused:data"
    assert "not a number" in answer["error"]


@pytest.mark.parametrize("name", ["\N{GRINNING FACE}" * 190 + ".npz", "round.npz"])
async def test_a_dataset_that_no_file_can_be_is_a_refused_spec(lab: Lab, name: str) -> None:
    (lab.workspace / "round.npz").symlink_to("round.npz")

    answer = await lab.run(spec(CHECK, dataset=name))

    assert answer["status"] == "refused:spec"


async def test_what_goes_wrong_in_reading_a_question_is_a_refused_spec(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ensemble.lab.question.data_hash", unreadable)

    answer = await lab.run(spec(CHECK))

    assert answer["status"] == "refused:spec"
    assert "Permission denied" in answer["error"]


async def test_more_threads_than_the_lab_has_are_refused(lab: Lab) -> None:
    answer = await lab.run(spec(CHECK, threads=3))

    assert answer["status"] == "refused:policy"
    assert "at most 2" in answer["error"]


async def test_a_benchmark_waits_for_the_machine_and_gives_up_at_its_limit(lab: Lab) -> None:
    asked = spec({"tool": "benchmark", "limits": {"wall_s": 1}})

    async with lab.store.locked("running.lock", shared=True):
        answer = await lab.run(asked)

    assert answer["status"] == "refused:busy"


async def test_a_benchmark_is_timed_or_refused_for_the_load_of_the_machine(lab: Lab) -> None:
    answer = await lab.run(spec({"tool": "benchmark", "sizes": [64], "seconds": 0.1}))

    if answer["status"] == "refused:busy":
        assert "load" in answer["error"]
    else:
        assert answer["status"] == "ok"
        assert answer["passport"]["noise"]["noisy"] in (True, False)


async def test_an_evaluation_finds_the_weights_by_the_key_of_their_training(lab: Lab) -> None:
    trained = await lab.run(spec(LONG, epochs=2, hidden=8))
    asked = spec({"tool": "evaluate", "of": "fit", "claim": 0.0})

    scored = await lab.run(asked, of=trained["cache_key"])
    shutil.rmtree(lab.store.folder(trained["cache_key"]))
    gone = await lab.run(asked, of=trained["cache_key"])

    assert scored["value"]["weights_sha256"] == trained["value"]["weights_sha256"]
    assert scored["gates"][0]["passed"] is True
    assert gone["status"] == "refused:spec"
    assert gone["gates"][0]["passed"] is None
