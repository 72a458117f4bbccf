"""Scores of kept weights: their interval, what was claimed, and how often test was looked at."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from ensemble.lab.datasets import data_hash
from ensemble.lab.specs import read_spec
from ensemble.lab.store import keep_result
from ensemble.lab.worker.contract import Assignment, Unfit, gates_of
from ensemble.lab.worker.scoring import evaluate, macro_f1, touch
from ensemble.lab.worker.training import train

from .conftest import Arrays, Table

TRAIN: dict[str, Any] = {"tool": "train", "dataset": "data.npz", "epochs": 8, "seed": 7}


def scored(table: Table, path: Path, **fields: Any) -> Assignment[Any]:
    """Train, keep the result as the worker does, and return the job that scores it."""
    measured = train(table.job(path, TRAIN))
    document = {"spec": TRAIN, "value": measured.value, "artifacts": measured.artifacts}
    keep_result(table.folder, document)
    return table.job(path, {"tool": "evaluate", "of": "fit"} | fields, of=table.folder)


def test_a_score_has_an_interval_around_it(table: Table, digits: Arrays) -> None:
    measured = evaluate(scored(table, table.write(digits)))

    low, high = measured.value["interval"]
    assert low < measured.value["test_accuracy"] < high
    assert "Wilson" in measured.value["interval_method"]
    assert np.trace(measured.value["confusion"]) == measured.value["test_accuracy"] * 200


def test_macro_f1_is_that_of_the_library() -> None:
    import sklearn.metrics

    library = cast("Any", sklearn.metrics)
    draw = np.random.default_rng(0)
    true, found = draw.integers(0, 4, 100), draw.integers(0, 4, 100)

    ours = macro_f1(np.asarray(library.confusion_matrix(true, found), dtype=np.float64))

    assert ours == pytest.approx(float(library.f1_score(true, found, average="macro")))


def test_a_claim_above_the_interval_does_not_hold(table: Table, digits: Arrays) -> None:
    job = scored(table, table.write(digits), claim=0.999)

    gate = gates_of(job.spec, evaluate(job))[0]

    assert gate["name"] == "claim_holds"
    assert gate["passed"] is False
    assert (gate["threshold"], gate["value"]) == (0.999, evaluate(job).value["test_accuracy"])


def test_a_claim_within_the_interval_holds(table: Table, digits: Arrays) -> None:
    measured = evaluate(scored(table, table.write(digits)))
    claim = (measured.value["test_accuracy"] + measured.value["interval"][1]) / 2

    job = scored(table, table.write(digits), claim=claim)

    assert gates_of(job.spec, evaluate(job))[0]["passed"] is True


def test_a_gate_passes_from_its_threshold_up(table: Table, digits: Arrays) -> None:
    accuracy = evaluate(scored(table, table.write(digits))).value["test_accuracy"]

    job = scored(table, table.write(digits), gate={"test_accuracy": accuracy, "macro_f1": 1.0})

    met, missed = gates_of(job.spec, evaluate(job))
    assert (met["name"], met["passed"]) == ("test_accuracy", True)
    assert met["interval"] == evaluate(job).value["interval"]
    assert (missed["name"], missed["passed"]) == ("macro_f1", False)


def test_repeated_test_rows_do_not_narrow_the_interval(table: Table, digits: Arrays) -> None:
    once = evaluate(scored(table, table.write(digits))).value
    for name in ("x_test", "y_test"):
        digits[name] = np.concatenate([digits[name]] * 3)

    thrice = evaluate(scored(table, table.write(digits))).value

    assert thrice["interval"] == pytest.approx(once["interval"])
    assert (thrice["rows"], thrice["distinct_rows"]) == (600, 200)


def test_every_look_at_test_rows_is_counted_and_looks_at_val_are_not(
    table: Table, digits: Arrays
) -> None:
    path = table.write(digits)
    job, val = scored(table, path), scored(table, path, split="val")

    looks = [evaluate(job).passport["test_touches"] for _ in range(2)]

    assert looks == [1, 2]
    assert "test_touches" not in evaluate(val).passport
    assert touch(table.folder, "sha256:of other data", "key") == 1


def test_rows_seen_in_training_are_counted_where_the_guard_was_off(
    table: Table, digits: Arrays
) -> None:
    digits["x_train"][:50], digits["y_train"][:50] = digits["x_test"][:50], digits["y_test"][:50]
    path = table.write(digits)
    guarded = evaluate(scored(table, path)).value["rows_seen_in_training"]

    bare = train(table.job(path, TRAIN | {"drop_duplicates": False}))
    document = {
        "spec": TRAIN | {"drop_duplicates": False},
        "value": bare.value,
        "artifacts": bare.artifacts,
    }
    keep_result(table.folder, document)
    job = table.job(path, {"tool": "evaluate", "of": "fit"}, of=table.folder)

    assert guarded == 0
    assert evaluate(job).value["rows_seen_in_training"] == 50


def test_a_result_that_is_gone_is_refused(table: Table, digits: Arrays) -> None:
    path = table.write(digits)
    job = Assignment(
        spec=read_spec({"tool": "evaluate", "of": "fit"}, where="spec"),
        folder=table.folder,
        store=table.folder,
        key="sha256:key",
        device="cpu",
        data=path,
        data_sha256=data_hash(path),
        of=table.folder / "nothing",
    )

    with pytest.raises(Unfit, match="is gone; train again"):
        evaluate(job)  # pyright: ignore[reportArgumentType] - any spec is read into the union
