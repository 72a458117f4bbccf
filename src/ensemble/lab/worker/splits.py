"""A dataset as three splits, and the guard that keeps test rows away from training.

Files are read once: what was hashed is what is parsed. Pickled arrays are refused.
"""

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.lab.worker.contract import Unfit

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]
PARTS = ("train", "val", "test")
_SHARES = (0.6, 0.2, 0.2)
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Splits:
    """Rows and labels of the three splits."""

    x: dict[str, Rows]
    """By split, `(n, features)`."""
    y: dict[str, Labels]
    """By split, `(n,)`, indices into `classes`."""
    classes: tuple[str, ...]

    def ids(self) -> dict[str, Labels]:
        """Return, by split, `(n,)`: the number of each distinct row; equal rows share one."""
        rows = np.concatenate([self.x[part] for part in PARTS]) + np.float32(0)  # -0 is 0
        whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.itemsize * rows.shape[1])))
        _, numbers = np.unique(whole.ravel(), return_inverse=True)
        ends = np.cumsum([len(self.x[part]) for part in PARTS])[:-1]
        return dict(zip(PARTS, np.split(numbers.astype(np.int64), ends), strict=True))

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each split's rows and labels."""
        return {
            part: hashlib.sha256(self.x[part].tobytes() + self.y[part].tobytes()).hexdigest()
            for part in PARTS
        }


@dataclass(frozen=True)
class Learning:
    """What training may see: there is no test row in here."""

    x_train: Rows
    y_train: Labels
    x_val: Rows
    y_val: Labels
    classes: int
    dropped: int
    """Training rows left out because they equal a validation or test row."""


def learning_rows(splits: Splits, *, drop_duplicates: bool) -> Learning:
    """Return the training and validation rows; with the guard, none that equals a held-out row."""
    keep = kept_rows(splits, drop_duplicates=drop_duplicates)
    return Learning(
        x_train=splits.x["train"][keep],
        y_train=splits.y["train"][keep],
        x_val=splits.x["val"],
        y_val=splits.y["val"],
        classes=len(splits.classes),
        dropped=int((~keep).sum()),
    )


def kept_rows(splits: Splits, *, drop_duplicates: bool) -> NDArray[np.bool_]:
    """Return which training rows are trained on, `(n,)`."""
    if not drop_duplicates:
        return np.ones(len(splits.x["train"]), dtype=bool)
    ids = splits.ids()
    return ~np.isin(ids["train"], np.concatenate([ids["val"], ids["test"]]))


def read_splits(path: Path, sha256: str, *, label: str | None, split_seed: int) -> Splits:
    """Read a dataset; one that comes in one piece is split 60/20/20 by class.

    Raises:
        Unfit: the file changed since it was hashed, or does not hold a labelled table.
    """
    data = path.read_bytes()
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != sha256:
        raise Unfit("data_changed", "the dataset changed while the job was starting")
    if path.name == "digits.csv.gz":
        return _split_up(*_digits(data), split_seed)
    if path.suffix == ".csv":
        return _split_up(*_csv(data, label), split_seed)
    arrays = _npz(data)
    if set(arrays) >= {f"{axis}_{part}" for axis in "xy" for part in PARTS}:
        return _joined(
            {part: _features(arrays[f"x_{part}"]) for part in PARTS},
            {part: arrays[f"y_{part}"] for part in PARTS},
        )
    if set(arrays) >= {"x", "y"}:
        return _split_up(_features(arrays["x"]), arrays["y"], split_seed)
    raise Unfit(
        "data",
        f"the file holds {', '.join(sorted(arrays)) or 'nothing'}; wanted are x_train, y_train, "
        "x_val, y_val, x_test and y_test, or x and y",
    )


def standardised(x: Rows, mean: NDArray[Any], deviation: NDArray[Any]) -> Rows:
    """Return `x` scaled by statistics that were fitted elsewhere, on training rows."""
    with np.errstate(over="ignore"):  # what leaves the numbers is seen in the loss
        scaled: Rows = ((x - mean) / deviation).astype(np.float32)
    return scaled


def statistics(x: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and deviation of each column's finite values; a constant one has deviation 1."""
    finite = with_gaps(x)
    mean = np.nanmean(finite, axis=0, dtype=np.float64)
    deviation = np.nanstd(finite, axis=0, dtype=np.float64)
    return np.asarray(mean), np.where(deviation > 0, deviation, 1.0)


def with_gaps(x: Rows) -> Rows:
    """Return `x` with a gap (NaN) for each value that is not finite."""
    return np.where(np.isfinite(x), x, np.float32(np.nan))


def _npz(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise Unfit("data", f"the .npz file cannot be read: {error}") from error
    except Exception as error:  # zipfile.BadZipFile, zlib.error and their kin
        if isinstance(error, MemoryError):
            raise
        raise Unfit("data", f"the .npz file is damaged: {error}") from error


def _digits(data: bytes) -> tuple[Rows, NDArray[Any]]:
    """Read the file that scikit-learn carries: 64 pixels a line, then the digit."""
    table = np.loadtxt(io.BytesIO(gzip.decompress(data)), delimiter=",")
    return _features(table[:, :-1]), table[:, -1].astype(np.int64)


def _csv(data: bytes, label: str | None) -> tuple[Rows, NDArray[Any]]:
    try:
        table = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unfit("data", f"the .csv file cannot be read: {error}") from error
    header, rows = (table[0], [row for row in table[1:] if row]) if table else ([], [])
    name = label if label is not None else (header[-1] if header else "")
    if name not in header or len(header) < 2:  # noqa: PLR2004 - a feature and a label
        raise Unfit("data", f"no label column {name!r}; the header has: {', '.join(header)}")
    at = header.index(name)
    if any(len(row) != len(header) for row in rows):
        raise Unfit("data", "some lines have more or fewer cells than the header")
    try:
        cells = [[float(c) if c.strip() else np.nan for c in _without(r, at)] for r in rows]
    except ValueError as error:
        raise Unfit("data", f"a feature cell is not a number: {error}") from error
    return _features(np.array(cells)), np.array([row[at] for row in rows])


def _without(row: list[str], at: int) -> Iterator[str]:
    return (cell for number, cell in enumerate(row) if number != at)


def _features(x: NDArray[Any]) -> Rows:
    if x.dtype.kind not in "fiub" or x.ndim < 2 or not len(x):  # noqa: PLR2004 - rows, columns
        raise Unfit("data", f"features of type {x.dtype} and shape {x.shape} are no table")
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


def _joined(x: dict[str, Rows], y: dict[str, NDArray[Any]]) -> Splits:
    if len({rows.shape[1] for rows in x.values()}) != 1:
        raise Unfit("data", "the splits have different numbers of features")
    if any(y[part].shape != (len(x[part]),) for part in PARTS):
        raise Unfit("data", "a split has not one label for each row")
    if any(y[part].dtype.kind not in "iubU" for part in PARTS):
        raise Unfit("data", "labels must be whole numbers or text")
    names, numbers = np.unique(np.concatenate([y[part] for part in PARTS]), return_inverse=True)
    if not 2 <= len(names) <= _MOST_CLASSES:  # noqa: PLR2004 - fewer are no classes
        raise Unfit("data", f"{len(names)} classes; the lab takes 2 to {_MOST_CLASSES}")
    ends = np.cumsum([len(x[part]) for part in PARTS])[:-1]
    split = np.split(numbers.astype(np.int64), ends)
    return Splits(x, dict(zip(PARTS, split, strict=True)), tuple(str(name) for name in names))


def _split_up(x: Rows, y: NDArray[Any], seed: int) -> Splits:
    """Split by class and seed, so that each split has each class in the same share."""
    if y.shape != (len(x),):
        raise Unfit("data", "there is not one label for each row")
    draw = np.random.default_rng(seed)
    parts: dict[str, list[NDArray[np.int64]]] = {part: [] for part in PARTS}
    for name in np.unique(y):
        rows = draw.permutation(np.flatnonzero(y == name))
        if len(rows) < len(PARTS):
            raise Unfit("data", f"class {name} has {len(rows)} rows; a split needs 3")
        ends = np.cumsum([max(1, round(len(rows) * share)) for share in _SHARES[1:]])
        val, test, train = np.split(rows, ends)
        for part, chosen in zip(PARTS, (train, val, test), strict=True):
            parts[part].append(chosen)
    order = {part: np.sort(np.concatenate(parts[part])) for part in PARTS}
    return _joined({p: x[order[p]] for p in PARTS}, {p: y[order[p]] for p in PARTS})
