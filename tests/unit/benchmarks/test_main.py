"""What `python -m benchmarks` prints, and the status it ends with."""

import importlib
import json
from collections.abc import Iterable

import pytest

from benchmarks.__main__ import BENCHMARKS, main, report
from benchmarks.row import Options, Row
from ensemble.errors import EnsembleError


def met(_: Options) -> Iterable[Row]:
    yield Row("met", 1.0, "s", "once", 2.0)
    yield Row("told", 5.0, "s", "once")


def missed(_: Options) -> Iterable[Row]:
    yield Row("missed", 3.0, "s", "once", 2.0)


def impossible(_: Options) -> Iterable[Row]:
    yield Row("before", 1.0, "s", "once")
    raise EnsembleError("no server", where="here", fix="start one")


def test_without_a_name_the_benchmarks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([])

    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert (status, listed) == (0, list(BENCHMARKS))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_name_is_a_module_that_measures_something(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")

    assert module.MEASURES


def test_a_misspelt_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frist"])

    assert ended.value.code == 2
    assert "did you mean 'first'?" in capsys.readouterr().err


def test_rows_are_one_json_list(capsys: pytest.CaptureFixture[str]) -> None:
    status = report([met], Options(), as_json=True)

    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["held"]) for row in rows] == [("met", True), ("told", None)]
    assert status == 0


def test_a_goal_that_is_missed_is_said_and_ends_in_status_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = report([missed, met], Options(), as_json=False)

    first, second, third = capsys.readouterr().out.splitlines()
    assert status == 1
    assert "NOT HELD" in first
    assert "NOT HELD" not in second + third


def test_what_cannot_be_measured_is_said_and_the_rest_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = report([impossible, met], Options(), as_json=True)

    printed = capsys.readouterr()
    assert status == 1
    assert [row["name"] for row in json.loads(printed.out)] == ["before", "met", "told"]
    assert "here: no server\n  fix: start one" in printed.err
