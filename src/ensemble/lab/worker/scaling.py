"""Which rows the features were scaled on: their own statistics give it away.

A scaler makes the columns that it was fitted on exactly standard (mean 0, deviation 1, or
range 0 to 1). Where all rows together are exactly standard and training rows alone are not,
held-out rows took part in the fit.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_EXACT = 0.002
"""A column is standard up to this: half-precision storage and n - 1 for n stay below it."""
_NEARLY = 0.25


def fitted_on(train: NDArray[Any], everything: NDArray[Any]) -> dict[str, Any]:
    """Say whether columns look scaled on training rows, on all rows, or not at all.

    Args:
        train: `(n, features)` training rows as they stand.
        everything: `(m, features)` rows of all splits, training rows among them.
    """
    varies = (np.nanstd(train, axis=0) > 0) & (np.nanstd(everything, axis=0) > 0)
    if not varies.any():
        return {"fitted_on": "inconclusive", "detail": "every column is constant"}
    offs = {
        "standard": (_off_standard(train[:, varies]), _off_standard(everything[:, varies])),
        "range": (_off_range(train[:, varies]), _off_range(everything[:, varies])),
    }
    kind, (off_train, off_all) = min(offs.items(), key=lambda item: min(item[1]))
    found, why = _judged(off_train, off_all)
    return {
        "fitted_on": found,
        "kind": kind,
        "off_train": off_train,
        "off_all": off_all,
        "detail": f"{why}; median distance from a standard column: "
        f"training rows {off_train:.2g}, all rows {off_all:.2g}",
    }


def _judged(off_train: float, off_all: float) -> tuple[str, str]:
    if off_all < _EXACT <= off_train:
        return "all rows", "scaled with statistics of all rows, held-out ones among them"
    if off_train < _EXACT <= off_all:
        return "train only", "scaled with statistics of training rows"
    if max(off_train, off_all) < _EXACT:
        return "inconclusive", "training rows and all rows have the same statistics"
    if min(off_train, off_all) < _NEARLY:
        return "inconclusive", "nearly standard, but exactly so on neither set of rows"
    return "unscaled", "the columns are not scaled"


def _off_standard(rows: NDArray[Any]) -> float:
    """Return how far the median column is from mean 0 and deviation 1."""
    mean = np.abs(np.nanmean(rows, axis=0, dtype=np.float64))
    deviation = np.abs(np.nanstd(rows, axis=0, dtype=np.float64) - 1)
    return float(np.median(np.maximum(mean, deviation)))


def _off_range(rows: NDArray[Any]) -> float:
    """Return how far the columns are, on average, from the range 0 to 1."""
    low = np.abs(np.nanmin(rows, axis=0))
    high = np.abs(np.nanmax(rows, axis=0) - 1)
    return float(np.maximum(low, high).mean())
