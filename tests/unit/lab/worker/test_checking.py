"""What is found in data: shared rows and their worth, imbalance, gaps."""

from typing import Any

import numpy as np

from ensemble.lab.worker.checking import (
    check_data,
    exact_duplicates,
    fit_on,
    label_balance,
    near_duplicates,
)
from ensemble.lab.worker.contract import Measured, gates_of

from .conftest import Arrays, Table

SPEC: dict[str, Any] = {"tool": "check_data", "dataset": "data.npz"}


def leaky(digits: Arrays, rows: int = 200) -> Arrays:
    """Put test rows with their labels among the training rows."""
    x, y = digits["x_test"][:rows], digits["y_test"][:rows]
    return digits | {
        "x_train": np.concatenate([digits["x_train"], x]),
        "y_train": np.concatenate([digits["y_train"], y]),
    }


def gates(table: Table, arrays: Arrays, **fields: Any) -> dict[str, Any]:
    job = table.job(table.write(arrays), SPEC | fields)
    measured: Measured = check_data(job)
    return {gate["name"]: gate for gate in gates_of(job.spec, measured)}


def test_clean_splits_pass_every_gate(table: Table, digits: Arrays) -> None:
    found = gates(table, digits)

    assert {name for name, gate in found.items() if gate["passed"] is not True} == set()


def test_shared_rows_fail_their_gate_and_are_counted_by_pair(table: Table, digits: Arrays) -> None:
    found = gates(table, leaky(digits, rows=60))
    counts = exact_duplicates(table.read(table.folder / "data.npz"))

    assert found["duplicates_across_splits"]["passed"] is False
    assert found["duplicates_across_splits"]["value"] == 60
    assert (counts["train_test"], counts["train_val"], counts["val_test"]) == (60, 0, 0)


def test_a_leak_is_worth_what_a_classifier_gains_by_it(table: Table, digits: Arrays) -> None:
    leak = fit_on(table.read(table.write(leaky(digits))), seed=0)

    assert leak["train"] == 1.0
    assert leak["honest"] < 0.98
    assert leak["interval"][0] > 0
    assert leak["verdict"] == "leak"


def test_a_few_shared_rows_are_no_proof_of_a_gain(table: Table, digits: Arrays) -> None:
    leak = fit_on(table.read(table.write(leaky(digits, rows=2))), seed=0)
    found = gates(table, leaky(digits, rows=2))

    assert leak["verdict"] == "inconclusive"
    assert found["leak"]["passed"] is None


def test_without_shared_rows_there_is_no_leak(table: Table, digits: Arrays) -> None:
    leak = fit_on(table.read(table.write(digits)), seed=0)

    assert (leak["difference"], leak["verdict"]) == (0.0, "no leak")


def test_where_every_training_row_is_shared_nothing_can_be_said(
    table: Table, digits: Arrays
) -> None:
    digits["x_train"], digits["y_train"] = digits["x_test"], digits["y_test"]

    leak = fit_on(table.read(table.write(digits)), seed=0)

    assert (leak["difference"], leak["verdict"]) == (None, "inconclusive")


def test_a_slightly_changed_copy_is_a_near_duplicate(table: Table, digits: Arrays) -> None:
    digits["x_test"][:20] = digits["x_train"][:20] * np.float32(1.002)
    digits["x_val"][:5] = digits["x_train"][:5]

    splits = table.read(table.write(digits))

    assert near_duplicates(splits, seed=0)["across_splits"] == 20
    assert exact_duplicates(splits)["across_splits"] == 5


def test_the_same_row_with_two_labels_is_a_conflict(table: Table, digits: Arrays) -> None:
    digits["x_train"][1] = digits["x_train"][0]
    digits["y_train"][:2] = 3, 4

    counts = exact_duplicates(table.read(table.write(digits)))

    assert counts["label_conflicts"] == 1


def test_missing_values_fail_their_gate(table: Table, digits: Arrays) -> None:
    digits["x_train"][3, 4:7] = np.nan

    found = gates(table, digits)

    assert (found["missing_values"]["value"], found["missing_values"]["passed"]) == (3, False)


def test_infinite_values_are_counted_as_missing_and_said(table: Table, digits: Arrays) -> None:
    digits["x_train"][3, 4], digits["x_val"][5, 4], digits["x_test"][7, 9] = np.inf, -np.inf, np.nan

    gate = gates(table, digits)["missing_values"]

    assert (gate["value"], gate["passed"]) == (3, False)
    assert gate["detail"] == "3 values missing or not finite"


def test_an_infinite_value_hides_no_near_duplicate(table: Table, digits: Arrays) -> None:
    digits["x_test"][:20] = digits["x_train"][:20] * np.float32(1.002)
    digits["x_train"][399, :] = np.inf

    found = near_duplicates(table.read(table.write(digits)), seed=0)

    assert found["across_splits"] == 20


def test_a_rare_class_lowers_the_balance(table: Table, digits: Arrays) -> None:
    few = np.flatnonzero(digits["y_train"] == 9)[2:]
    for name in ("x_train", "y_train"):
        digits[name] = np.delete(digits[name], few, axis=0)

    balance = label_balance(table.read(table.write(digits)))

    assert balance < 0.1


def test_a_threshold_of_the_spec_stands_in_for_the_tools_own(table: Table, digits: Arrays) -> None:
    found = gates(table, leaky(digits, rows=60), gate={"duplicates_across_splits": 60})

    assert found["duplicates_across_splits"]["threshold"] == 60
    assert found["duplicates_across_splits"]["passed"] is True
