"""What tools give back: numbers that survive JSON, and gates that are compared one way."""

import json

import pytest

from ensemble.lab.specs import read_spec
from ensemble.lab.worker.contract import Measured, gates_of, rounded


def test_numbers_are_kept_at_six_significant_digits() -> None:
    assert rounded({"a": [0.123456789, 1234567.8], "b": 3, "c": True}) == {
        "a": [0.123457, 1234570.0],
        "b": 3,
        "c": True,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_becomes_null(value: float) -> None:
    assert json.dumps(rounded({"loss": value}), allow_nan=False) == '{"loss": null}'


def test_a_metric_that_was_not_measured_leaves_its_gate_open() -> None:
    spec = read_spec({"tool": "benchmark", "gate": {"fraction": 0.5}}, where="spec")

    gates = gates_of(spec, Measured({}, {"fraction": None}))

    assert gates[0]["passed"] is None


def test_where_less_is_better_the_gate_is_an_upper_bound() -> None:
    raw = {"tool": "check_data", "dataset": "digits", "gate": {"missing_values": 3}}
    spec = read_spec(raw, where="spec")

    passed = [gates_of(spec, Measured({}, {"missing_values": n}))[0]["passed"] for n in (3, 4)]

    assert passed == [True, False]
