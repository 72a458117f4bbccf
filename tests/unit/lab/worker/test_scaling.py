"""Which rows the features were scaled on."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ensemble.lab.worker.scaling import fitted_on

Rows = NDArray[Any]


@pytest.fixture
def rows() -> Rows:
    return np.random.default_rng(0).gamma(2.0, 3.0, size=(500, 8)).astype("float32")


def standard(rows: Rows, on: Rows) -> Rows:
    scaled: Rows = ((rows - on.mean(axis=0)) / on.std(axis=0)).astype("float16").astype("float32")
    return scaled


def ranged(rows: Rows, on: Rows) -> Rows:
    low, high = on.min(axis=0), on.max(axis=0)
    scaled: Rows = (rows - low) / (high - low)
    return scaled


@pytest.mark.parametrize("scale", [standard, ranged])
def test_a_scaler_fitted_on_all_rows_is_seen(rows: Rows, scale: Any) -> None:
    scaled = scale(rows, rows)

    assert fitted_on(scaled[:300], scaled)["fitted_on"] == "all rows"


@pytest.mark.parametrize("scale", [standard, ranged])
def test_a_scaler_fitted_on_training_rows_is_seen(rows: Rows, scale: Any) -> None:
    scaled = scale(rows, rows[:300])

    assert fitted_on(scaled[:300], scaled)["fitted_on"] == "train only"


def test_raw_columns_are_unscaled(rows: Rows) -> None:
    assert fitted_on(rows[:300], rows)["fitted_on"] == "unscaled"


def test_columns_standard_on_neither_set_are_inconclusive(rows: Rows) -> None:
    scaled = standard(rows, rows[:200])

    assert fitted_on(scaled[100:], scaled)["fitted_on"] == "inconclusive"


def test_constant_columns_say_nothing() -> None:
    rows = np.ones((20, 3))

    assert fitted_on(rows[:10], rows)["fitted_on"] == "inconclusive"
