"""Timings: of the true length, against a measured ceiling, and void where they cannot be right."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ensemble.lab.specs import read_spec
from ensemble.lab.worker.ceiling import Ceiling, measured_ceiling
from ensemble.lab.worker.contract import Assignment, Unfit
from ensemble.lab.worker.timing import benchmark, fraction_of, timed


class Device:
    """Takes work at once and does it later, like an accelerator; time passes only by its work."""

    def __init__(self, lengths: Callable[[int], float]) -> None:
        self.lengths = lengths
        self.now = self.queued = 0.0
        self.calls = 0

    def submit(self) -> None:
        self.queued += self.lengths(self.calls)
        self.calls += 1

    def wait(self) -> None:
        self.now += self.queued
        self.queued = 0.0

    def clock(self) -> float:
        self.now += 1e-7
        return self.now


def job(folder: Path, **fields: Any) -> Assignment[Any]:
    raw = {"tool": "benchmark", "sizes": [64], "seconds": 0.1} | fields
    return Assignment(
        spec=read_spec(raw, where="spec"),
        folder=folder,
        store=folder,
        key="sha256:key",
        device="cpu",
        tell=lambda _: None,
    )


def test_work_that_finishes_later_is_timed_at_its_true_length() -> None:
    device = Device(lambda _: 0.002)

    timing = timed(device.submit, device.wait, seconds=0.1, clock=device.clock)

    assert timing.samples == pytest.approx([0.002] * len(timing.samples), rel=1e-3)
    assert len(timing.samples) > 20


def test_the_first_call_is_no_sample() -> None:
    device = Device(lambda call: 0.5 if call == 0 else 0.002)

    timing = timed(device.submit, device.wait, seconds=0.1, clock=device.clock)

    assert timing.cold_s == pytest.approx(0.5, rel=1e-3)
    assert max(timing.samples) < 0.01


def test_sampling_waits_until_the_machine_is_warm() -> None:
    device = Device(lambda call: 0.002 + 0.02 * math.exp(-call / 5))

    timing = timed(device.submit, device.wait, seconds=1.0, clock=device.clock)

    assert timing.warm
    assert max(timing.samples) < 0.0021


def test_a_machine_that_never_settles_is_said_not_to_be_warm() -> None:
    device = Device(lambda call: 0.002 * 1.02**call)

    timing = timed(device.submit, device.wait, seconds=0.05, clock=device.clock)

    assert not timing.warm


def test_a_call_of_a_microsecond_is_timed_many_at_a_time() -> None:
    device = Device(lambda _: 1e-6)

    timing = timed(device.submit, device.wait, seconds=0.05, clock=device.clock)

    assert timing.calls >= 200
    assert timing.samples == pytest.approx([1e-6] * len(timing.samples), rel=0.01)


def test_more_than_the_ceiling_fails_the_job() -> None:
    with pytest.raises(Unfit, match=r"1\.22 of the measured ceiling") as error:
        fraction_of(122.0, Ceiling(100.0, "measured"))

    assert error.value.reason == "impossible"


def test_without_a_ceiling_there_is_no_fraction() -> None:
    assert fraction_of(122.0, Ceiling(None, "no method")) is None


def test_a_format_without_a_method_has_no_ceiling_and_says_why() -> None:
    ceiling = measured_ceiling("float16", threads=1, seconds=0.01)

    assert ceiling.gflops is None
    assert ceiling.how


def test_a_loaded_machine_is_refused_with_its_load(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match=r"load 1000\.0 on") as error:
        benchmark(job(tmp_path), load=lambda: 1000.0)

    assert error.value.reason == "busy"


def test_a_matrix_product_stays_below_its_measured_ceiling(tmp_path: Path) -> None:
    measured = benchmark(job(tmp_path, dtypes=["float32", "float64"]), load=lambda: 0.0)

    rows = measured.value["rows"]
    assert [(row["dtype"], row["size"]) for row in rows] == [("float32", 64), ("float64", 64)]
    for row in rows:
        rates = row["gflops"]
        assert 0 < rates["p10"] <= rates["median"] <= rates["p90"] <= rates["best"]
        assert rates["n"] >= 1
        assert row["relative_error"] < 1e-4
        if row["ceiling_gflops"] is None:
            assert row["fraction"] is None
        else:
            assert 0 < row["fraction"] <= 1
            assert row["fraction"] == pytest.approx(rates["best"] / row["ceiling_gflops"])


def test_a_format_without_hardware_support_is_flagged_and_large_sizes_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> float:
        return 65.0

    monkeypatch.setattr("ensemble.lab.worker.timing._times_slower", slow)

    measured = benchmark(job(tmp_path, dtypes=["float16"], sizes=[64, 4096]), load=lambda: 0.0)

    small, large = measured.value["rows"]
    assert (small["emulated"], large["emulated"]) == (True, True)
    assert small["gflops"]["n"] >= 1
    assert large["gflops"] is None
