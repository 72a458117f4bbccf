"""What can be asked of the lab, and what is said to somebody who asks it wrongly."""

import json
import subprocess
import sys
from typing import Any

import pytest

from ensemble.errors import Faults, InvalidFile
from ensemble.lab.specs import TOOLS, from_seat, read_spec, spec_hash, spec_schemas
from ensemble.lab.training_specs import Train

HERE = "review.yaml:7:3"


def test_every_tool_is_read_from_its_least_spec() -> None:
    least: dict[str, dict[str, Any]] = {
        "check_data": {"dataset": "digits"},
        "train": {"dataset": "data.npz"},
        "evaluate": {"of": "fit"},
        "benchmark": {},
    }

    read = {name: read_spec({"tool": name} | fields, where=HERE) for name, fields in least.items()}

    assert {name: type(spec) for name, spec in read.items()} == dict(TOOLS)


def test_an_unknown_tool_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(InvalidFile) as error:
        read_spec({"tool": "evaluat"}, where=HERE)

    assert error.value.where == HERE
    assert error.value.fix == "did you mean 'evaluate'?"


def test_a_misspelt_field_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(InvalidFile, match="epoch:") as error:
        read_spec({"tool": "train", "dataset": "digits", "epoch": 3}, where=HERE)

    assert error.value.fix == "did you mean 'epochs'?"


def test_all_faults_of_a_spec_are_reported_at_once() -> None:
    raw = {"tool": "train", "dataset": "digits", "epochs": 0, "lr": 7, "arch": "rnn"}

    with pytest.raises(Faults) as error:
        read_spec(raw, where=HERE)

    assert [fault.problem.split(":")[0] for fault in error.value.faults] == ["arch", "epochs", "lr"]


@pytest.mark.parametrize(
    "fields",
    [
        {"threads": 0},
        {"seed": -1},
        {"seed": 2**32},
        {"limits": {"wall_s": 0}},
        {"limits": {"memory_mib": 1}},
        {"batch": 0},
        {"dropout": 1.0},
        {"clip_norm": 0},
        {"lr": float("nan")},
        {"patience": 10**6},
    ],
)
def test_a_number_out_of_its_range_is_refused(fields: dict[str, Any]) -> None:
    raw = {"tool": "train", "dataset": "digits"} | fields

    with pytest.raises(InvalidFile) as error:
        read_spec(raw, where=HERE)

    assert next(iter(fields)) in error.value.problem


@pytest.mark.parametrize(
    "dataset",
    ["/etc/data.npz", "~/data.npz", "C:\\data.npz", "data.pkl", "data.npz\x00", "", "train.py"],
)
def test_a_dataset_that_is_no_relative_table_is_refused(dataset: str) -> None:
    with pytest.raises(InvalidFile, match="dataset"):
        read_spec({"tool": "check_data", "dataset": dataset}, where=HERE)


def test_a_gate_must_name_a_metric_of_its_tool() -> None:
    raw = {"tool": "evaluate", "of": "fit", "gate": {"test_acuracy": 0.9}}

    with pytest.raises(InvalidFile, match=r"gate\.test_acuracy") as error:
        read_spec(raw, where=HERE)

    assert error.value.fix == "did you mean 'test_accuracy'?"


def test_a_gate_on_a_split_that_is_not_scored_is_refused() -> None:
    raw = {"tool": "evaluate", "of": "fit", "split": "val", "gate": {"test_accuracy": 0.9}}

    with pytest.raises(InvalidFile, match="not measured on the val split"):
        read_spec(raw, where=HERE)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), float("-inf")])
def test_a_gates_threshold_is_a_finite_number(threshold: float) -> None:
    raw = {"tool": "train", "dataset": "digits", "gate": {"val_accuracy": threshold}}

    with pytest.raises(InvalidFile, match=r"gate\.val_accuracy: .*finite"):
        read_spec(raw, where=HERE)


def test_a_seat_sets_no_gates_limits_or_cache_mode() -> None:
    raw = {"tool": "train", "dataset": "digits", "epochs": 3}
    asked = {"gate": {"val_accuracy": 0.0}, "limits": {"wall_s": 3600}, "cache": "off"}

    spec = from_seat(raw | asked, where=HERE)

    assert spec == read_spec(raw, where=HERE)


def test_what_a_seat_asks_for_is_held_to_its_fields_all_the_same() -> None:
    with pytest.raises(InvalidFile, match="epoch:") as error:
        from_seat({"tool": "train", "dataset": "digits", "epoch": 3}, where=HERE)

    assert error.value.where == HERE


def test_gradients_are_clipped_unless_the_spec_says_otherwise() -> None:
    plain = read_spec({"tool": "train", "dataset": "digits"}, where=HERE)
    without = read_spec({"tool": "train", "dataset": "digits", "clip_norm": None}, where=HERE)

    assert isinstance(plain, Train)
    assert isinstance(without, Train)
    assert (plain.clip_norm, without.clip_norm) == (1.0, None)


def test_limits_and_cache_mode_do_not_change_what_is_asked() -> None:
    raw = {"tool": "train", "dataset": "digits"}
    plain = read_spec(raw, where=HERE)

    limited = read_spec(raw | {"limits": {"wall_s": 9}, "cache": "refresh"}, where=HERE)
    reseeded = read_spec(raw | {"seed": 1}, where=HERE)

    assert spec_hash(limited) == spec_hash(plain)
    assert spec_hash(reseeded) != spec_hash(plain)
    assert len(spec_hash(plain)) == 16


def test_each_schema_describes_each_field() -> None:
    schemas = spec_schemas()

    assert set(schemas) == set(TOOLS)
    for schema in json.loads(json.dumps(schemas)).values():
        fields = {name: f for name, f in schema["properties"].items() if name != "tool"}
        assert [name for name, f in fields.items() if "description" not in f] == []
        assert schema["additionalProperties"] is False


def test_the_node_side_of_the_lab_loads_no_numeric_library() -> None:
    asks = (
        "import sys, ensemble.lab.client; "
        "print([m for m in ('torch', 'sklearn', 'numpy', 'safetensors') if m in sys.modules])"
    )

    seen = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)

    assert seen.stdout.strip() == "[]"
