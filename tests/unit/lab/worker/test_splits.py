"""Datasets as three splits, and the guard between them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.lab.worker.contract import Unfit
from ensemble.lab.worker.splits import PARTS, Splits, learning_rows, read_splits

from .conftest import Arrays, Table


def test_given_splits_are_taken_as_they_are(table: Table, digits: Arrays) -> None:
    splits = table.read(table.write(digits))

    assert {part: len(splits.x[part]) for part in PARTS} == {"train": 400, "val": 150, "test": 200}
    assert splits.classes == tuple("0123456789")


def test_data_in_one_piece_is_split_by_class_and_seed(table: Table) -> None:
    path = table.write({"x": np.random.default_rng(0).random((100, 3)), "y": np.arange(100) % 2})

    one, again, other = (table.read(path, split_seed=seed).hashes() for seed in (0, 0, 1))
    splits = table.read(path)

    assert one == again != other
    assert [np.bincount(splits.y[part]).tolist() for part in PARTS] == [
        [30, 30],
        [10, 10],
        [10, 10],
    ]


def test_a_csv_file_names_its_label_column(table: Table) -> None:
    path = table.folder / "data.csv"
    lines = [f"{'yes' if n % 2 else 'no'},{n},{n * n}" for n in range(20)]
    path.write_text("\n".join(["paid,age,amount", *lines]))

    splits = table.read(path, label="paid")

    assert splits.classes == ("no", "yes")
    assert splits.x["train"].shape == (12, 2)


def test_an_empty_cell_is_a_missing_value(table: Table) -> None:
    path = table.folder / "data.csv"
    path.write_text(
        "\n".join(["a,b,y", *(f"{n},{'' if n == 3 else n},{n % 2}" for n in range(20))])
    )

    splits = table.read(path)

    assert sum(int(np.isnan(splits.x[part]).sum()) for part in PARTS) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b,y\n1,2,0\n1,2\n", "more or fewer cells"),
        ("a,b,y\n1,two,0\n3,4,1\n", "not a number"),
        ("y\n1\n", "no label column"),
        ("", "no label column"),
    ],
)
def test_a_csv_file_that_is_no_table_is_refused(table: Table, text: str, says: str) -> None:
    path = table.folder / "data.csv"
    path.write_text(text)

    with pytest.raises(Unfit, match=says):
        table.read(path)


def test_pickled_arrays_are_refused_and_never_opened(table: Table) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (table.folder / "canary",)

    path = table.write({"x": np.array([Trap()] * 3, dtype=object), "y": np.arange(3)})

    with pytest.raises(Unfit, match="allow_pickle"):
        table.read(path)
    assert not (table.folder / "canary").exists()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 cut off", b"\x80\x04 no archive"])
def test_a_damaged_file_is_refused(table: Table, data: bytes) -> None:
    path = table.folder / "data.npz"
    path.write_bytes(data)

    with pytest.raises(Unfit, match=r"\.npz file"):
        table.read(path)


def test_a_file_that_changed_since_it_was_hashed_is_refused(table: Table, digits: Arrays) -> None:
    path = table.write(digits)

    with pytest.raises(Unfit, match="changed"):
        read_splits(path, "sha256:of other bytes", label=None, split_seed=0)


def test_arrays_with_other_names_are_answered_with_those_wanted(table: Table) -> None:
    path = table.write({"features": np.zeros((3, 2))})

    with pytest.raises(Unfit, match="features; wanted are x_train"):
        table.read(path)


rows = st.lists(st.integers(0, 6), min_size=1, max_size=12)


@given(train=rows, val=rows, test=rows)
def test_no_training_row_that_equals_a_held_out_row_is_left(
    train: list[int], val: list[int], test: list[int]
) -> None:
    x = {
        part: np.array(values, dtype=np.float32).reshape(-1, 1)
        for part, values in zip(PARTS, (train, val, test), strict=True)
    }
    splits = Splits(x, {part: np.zeros(len(x[part]), dtype=np.int64) for part in PARTS}, ("0", "1"))

    left = learning_rows(splits, drop_duplicates=True)

    assert left.x_train.ravel().tolist() == [n for n in train if n not in {*val, *test}]
    assert left.dropped == len(train) - len(left.x_train)


def test_the_guard_can_be_taken_off(table: Table, digits: Arrays) -> None:
    digits["x_train"][:50], digits["y_train"][:50] = digits["x_test"][:50], digits["y_test"][:50]
    splits = table.read(table.write(digits))

    guarded = learning_rows(splits, drop_duplicates=True)
    bare = learning_rows(splits, drop_duplicates=False)

    assert (guarded.dropped, len(guarded.x_train)) == (50, 350)
    assert (bare.dropped, len(bare.x_train)) == (0, 400)


def test_minus_zero_equals_zero() -> None:
    x = {part: np.array([[0.0]], dtype=np.float32) for part in PARTS}
    x["test"] = -x["test"]
    splits = Splits(x, {part: np.zeros(1, dtype=np.int64) for part in PARTS}, ("0", "1"))

    assert splits.ids()["test"] == splits.ids()["train"]
