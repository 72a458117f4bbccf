"""Where requests meet the lab: what is measured once, what is refused, what is evidence."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ensemble.errors import InvalidFile, OverLimit
from ensemble.graph.lab_desk import LabDesk, Request, evidence_line
from ensemble.journal.run_journal import Journal
from ensemble.lab.specs import Spec
from ensemble.testing.panels import ScriptedLab, an_evidence


def wants(by: str = "panel[0]", name: str | None = None, **spec: Any) -> Request:
    return Request({"tool": "check_data", "dataset": "digits", **spec}, by, name)


def a_desk(lab: ScriptedLab | None, **options: Any) -> LabDesk:
    return LabDesk(Journal("r"), lab, **options)


async def test_equal_specs_of_one_batch_are_one_job_and_one_piece_of_evidence() -> None:
    lab = ScriptedLab()
    requests = [wants("a"), wants("b", seed=1), wants("c", gate={"leak": 0}), wants("d", threads=1)]

    evidence, replies = await a_desk(lab).measure(requests, (), 1)

    assert len(lab.asked) == 2
    assert [(item["id"], item["asked_by"]) for item in evidence] == [
        ("L1", ["a", "c", "d"]),
        ("L2", ["b"]),
    ]
    assert {request.asked_by: reply for request, reply in replies} == {
        "a": "L1", "b": "L2", "c": "L1", "d": "L1",
    }  # fmt: skip


async def test_what_is_known_already_is_not_measured_and_says_who_asked_too() -> None:
    lab = ScriptedLab()
    desk = a_desk(lab)
    known, _ = await desk.measure([wants("a")], (), 0)

    evidence, replies = await desk.measure([wants("b"), wants("b", seed=9)], known, 1)

    assert len(lab.asked) == 2
    assert [(item["id"], item["asked_by"]) for item in evidence] == [
        ("L1", ["a", "b"]),
        ("L2", ["b"]),
    ]
    assert [reply for _, reply in replies] == ["L1", "L2"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"dataset": "../secrets.csv\\"}, "refused: dataset:"),
        ({"epochs": 3}, "refused: epochs:"),
        ({"tool": "shell"}, "refused: tool: the lab has no tool 'shell'"),
    ],
)
async def test_a_spec_that_does_not_fit_is_answered_and_nothing_runs(
    spec: Mapping[str, Any], said: str
) -> None:
    lab = ScriptedLab()

    evidence, replies = await a_desk(lab).measure([wants(**spec)], (), 1)

    assert (evidence, lab.asked) == ([], [])
    assert replies[0][1].startswith(said)


async def test_evaluate_is_given_the_result_that_it_names() -> None:
    given: list[str | None] = []

    class Remembers(ScriptedLab):
        async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
            given.append(of)
            return await super().run(spec, of=of)

    desk = a_desk(Remembers())
    fit = Request({"tool": "train", "dataset": "digits"}, "lab.before", "fit")
    known, _ = await desk.measure([fit], (), 0)

    for of in ("fit", "L1", "nothing"):
        await desk.measure([Request({"tool": "evaluate", "of": of}, "a")], known, 1)

    assert given == [None, known[0]["cache_key"], known[0]["cache_key"], None]


async def test_a_recorded_result_serves_where_there_is_no_lab() -> None:
    live = a_desk(ScriptedLab(lambda spec: {"leak": 1.0}))
    first, _ = await live.measure([wants()], (), 1)
    replay = LabDesk(Journal("r", recorded=live.journal.events, replaying=True))

    again, _ = await replay.measure([wants()], (), 1)

    assert again == first


async def test_without_a_lab_nothing_is_measured() -> None:
    with pytest.raises(InvalidFile, match="there is no lab here"):
        await a_desk(None).measure([wants()], (), 1)


async def test_jobs_that_use_up_their_seconds_end_the_run() -> None:
    class Slow(ScriptedLab):
        async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
            await asyncio.sleep(60)
            return await super().run(spec, of=of)

    with pytest.raises(OverLimit, match=r"used their 0\.01 s"):
        await a_desk(Slow(), lab_s=0.01).measure([wants()], (), 1)


async def test_seconds_are_counted_over_all_jobs_and_cached_ones_cost_none() -> None:
    class Takes(ScriptedLab):
        async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
            result = await super().run(spec, of=of)
            return {**result, "cached": spec.seed > 1, "passport": {"wall_s": 30.0}}

    lab = Takes()
    desk = a_desk(lab, lab_s=60)

    with pytest.raises(OverLimit):
        await desk.measure([wants(seed=n) for n in (2, 3, 0, 1, 4)], (), 1)

    assert [spec.seed for spec in lab.asked] == [2, 3, 0, 1]


def test_a_line_of_evidence_leads_with_its_gates() -> None:
    evidence: dict[str, Any] = {
        **an_evidence("L2", leak=False, open=None),
        "value": {"leak": 0.123456, "note": "short", "long": "x" * 99, "rows": [1]},
    }
    evidence["gates"][0]["interval"] = [0.1, 0.25]

    assert evidence_line(evidence) == (
        "L2 check_data digits: gate leak FAILED: 1 against 0, 95 % interval 0.1 to 0.25; "
        "gate open inconclusive: 0 against 0; leak 0.1235, note short"
    )
    assert evidence_line({**evidence, "status": "oom", "error": "too large"}) == (
        "L2 check_data digits: oom too large"
    )
