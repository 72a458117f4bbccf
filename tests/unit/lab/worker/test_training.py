"""Training: seeded, clipped, stopped on validation, blind to the test rows."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ensemble.lab.specs import read_spec
from ensemble.lab.training_specs import Train
from ensemble.lab.worker.contract import Unfit
from ensemble.lab.worker.networks import load_weights
from ensemble.lab.worker.splits import Learning, learning_rows
from ensemble.lab.worker.training import WEIGHTS, fit, train

from .conftest import Arrays, Table

RAW: dict[str, Any] = {"tool": "train", "dataset": "data.npz", "epochs": 3, "seed": 7}


def spec(**changes: Any) -> Train:
    read = read_spec(RAW | changes, where="spec")
    assert isinstance(read, Train)
    return read


@pytest.fixture
def rows(table: Table, digits: Arrays) -> Learning:
    return learning_rows(table.read(table.write(digits)), drop_duplicates=True)


def fitted(rows: Learning, **changes: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    return fit(rows, spec(**changes), device="cpu", tell=lambda _: None)


def weights_hash(rows: Learning, **changes: Any) -> str:
    return str(fitted(rows, **changes)[0]["weights_sha256"])


@pytest.mark.parametrize("arch", ["mlp", "cnn"])
def test_the_same_spec_gives_the_same_weights(rows: Learning, arch: str) -> None:
    first = weights_hash(rows, arch=arch, dropout=0.2)
    torch.rand(5)  # whatever was drawn in between

    assert weights_hash(rows, arch=arch, dropout=0.2) == first


def test_another_seed_gives_other_weights(rows: Learning) -> None:
    assert weights_hash(rows, seed=8) != weights_hash(rows, seed=7)


def test_what_training_is_given_has_no_room_for_test_rows(table: Table, digits: Arrays) -> None:
    digits["x_train"][:50], digits["y_train"][:50] = digits["x_test"][:50], digits["y_test"][:50]

    given = learning_rows(table.read(table.write(digits)), drop_duplicates=True)

    assert {field.name for field in fields(Learning)} == {
        *("x_train", "y_train", "x_val", "y_val", "classes", "dropped")
    }
    held_out = {row.tobytes() for row in digits["x_test"]}
    assert [row for row in (*given.x_train, *given.x_val) if row.tobytes() in held_out] == []


def test_other_test_rows_leave_the_weights_as_they_are(table: Table, digits: Arrays) -> None:
    before = train(table.job(table.write(digits), RAW)).value["weights_sha256"]
    noise = np.random.default_rng(0).random(digits["x_test"].shape).astype("float32") * 1e6

    digits["x_test"], digits["y_test"] = noise, digits["y_test"][::-1].copy()
    after = train(table.job(table.write(digits), RAW)).value["weights_sha256"]

    assert after == before


def test_accumulated_batches_equal_one_large_batch_also_at_a_ragged_end(rows: Learning) -> None:
    _, whole = fitted(rows, batch=64, accum=1, epochs=1, schedule="none")
    _, parts = fitted(rows, batch=16, accum=4, epochs=1, schedule="none")

    assert len(rows.x_train) % 64 % 16 == 0
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-5)


def test_a_ragged_last_batch_weighs_by_its_rows(rows: Learning) -> None:
    _, whole = fitted(rows, batch=400, accum=1, epochs=1, schedule="none")
    _, parts = fitted(rows, batch=150, accum=3, epochs=1, schedule="none")

    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-5)


def test_clipping_bounds_the_step_and_null_does_not_clip(rows: Learning) -> None:
    tight = weights_hash(rows, clip_norm=1e-3)

    assert tight != weights_hash(rows, clip_norm=None)
    assert weights_hash(rows, clip_norm=1000) == weights_hash(rows, clip_norm=None)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("none", [0.01, 0.01, 0.01]),
        ("cosine", [0.01, 0.0075, 0.0025]),
        ("step", [0.01, 0.001, 0.0001]),
    ],
)
def test_the_learning_rate_follows_its_schedule(
    rows: Learning, schedule: str, rates: list[float]
) -> None:
    value, _ = fitted(rows, schedule=schedule, lr=0.01)

    assert value["curves"]["lr"] == pytest.approx(rates)


def test_training_stops_when_validation_no_longer_improves(rows: Learning) -> None:
    value, _ = fitted(rows, epochs=200, patience=2, lr=0.05, schedule="none")

    losses = value["curves"]["val_loss"]
    assert value["stopped_early"]
    assert value["epochs_run"] == value["best_epoch"] + 2
    assert value["best_epoch"] == losses.index(min(losses)) + 1


def test_the_kept_weights_are_safetensors_with_their_scaling(table: Table, digits: Arrays) -> None:
    path = table.write(digits)

    measured = train(table.job(path, RAW))
    tensors, about = load_weights(table.folder / WEIGHTS)

    assert measured.artifacts["weights"]["file"] == WEIGHTS
    assert about["arch"] == "mlp"
    assert tensors["input.mean"].numpy() == pytest.approx(digits["x_train"].mean(axis=0), abs=1e-4)


def test_the_kept_file_is_the_same_byte_for_byte(table: Table, digits: Arrays) -> None:
    path = table.write(digits)

    one = train(table.job(path, RAW)).artifacts
    two = train(table.job(path, RAW)).artifacts

    assert one == two


def test_each_epoch_is_told(table: Table, digits: Arrays) -> None:
    told: list[dict[str, Any]] = []

    train(table.job(table.write(digits), RAW, tell=told.append))

    assert [event["epoch"] for event in told] == [1, 2, 3]


def test_missing_values_are_refused(table: Table, digits: Arrays) -> None:
    digits["x_train"][0, 0] = np.nan

    with pytest.raises(Unfit, match="needs every value"):
        train(table.job(table.write(digits), RAW))


def test_a_loss_that_leaves_the_numbers_ends_the_training(rows: Learning) -> None:
    rows.x_val[0, 0] = 3e38
    rows.x_train[:, 0] = 1.0
    rows.x_train[0, 0] = 1.0001

    with pytest.raises(Unfit) as error:
        fitted(rows, lr=1.0)

    assert error.value.reason == "diverged"


def test_a_cnn_needs_square_images(table: Table, digits: Arrays) -> None:
    for part in ("train", "val", "test"):
        digits[f"x_{part}"] = digits[f"x_{part}"][:, :60]

    with pytest.raises(Unfit, match="square images"):
        train(table.job(table.write(digits), RAW | {"arch": "cnn"}))


def test_nothing_to_train_on_is_refused_with_the_count(table: Table, digits: Arrays) -> None:
    digits["x_train"], digits["y_train"] = digits["x_test"], digits["y_test"]

    with pytest.raises(Unfit, match="200 dropped because they equal held-out rows"):
        train(table.job(table.write(digits), RAW))
