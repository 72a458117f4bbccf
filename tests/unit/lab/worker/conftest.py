"""Small tables to measure."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from ensemble.lab.datasets import data_hash
from ensemble.lab.specs import read_spec
from ensemble.lab.worker.contract import Assignment
from ensemble.lab.worker.splits import Splits, read_splits

Arrays = dict[str, NDArray[Any]]


class Table:
    """Writes arrays into a file and hands them to the worker's functions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, arrays: Arrays, name: str = "data.npz") -> Path:
        path = self.folder / name
        np.savez_compressed(path, **cast("Any", arrays))
        return path

    def read(self, path: Path, *, label: str | None = None, split_seed: int = 0) -> Splits:
        return read_splits(path, data_hash(path), label=label, split_seed=split_seed)

    def job(self, path: Path, raw: dict[str, Any], **fields: Any) -> Assignment[Any]:
        return Assignment(
            spec=read_spec(raw, where="spec"),
            folder=self.folder,
            store=self.folder,
            key="sha256:key",
            device="cpu",
            data=path,
            data_sha256=data_hash(path),
            tell=fields.pop("tell", _unheard),
            **fields,
        )


def _unheard(_: dict[str, Any]) -> None:
    pass


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


@pytest.fixture
def digits() -> Arrays:
    """The digits, split in order."""
    from sklearn.datasets import load_digits

    loaded = cast("Any", load_digits(return_X_y=True))
    x, y = loaded[0].astype("float32"), loaded[1]
    return {
        "x_train": x[:400],
        "y_train": y[:400],
        "x_val": x[400:550],
        "y_val": y[400:550],
        "x_test": x[550:750],
        "y_test": y[550:750],
    }
