"""Check data: rows shared between splits, what they are worth, labels, gaps, scaling.

Findings are measured on the rows as they stand in the file; nothing is repaired.
"""

from typing import Any, cast

import numpy as np
import sklearn.neighbors
from numpy.typing import NDArray

from ensemble.lab.data_specs import CheckData
from ensemble.lab.worker.contract import Assignment, Measured
from ensemble.lab.worker.intervals import bootstrap_mean
from ensemble.lab.worker.passport import seeds_of
from ensemble.lab.worker.scaling import fitted_on
from ensemble.lab.worker.splits import (
    PARTS,
    Labels,
    Rows,
    Splits,
    kept_rows,
    read_splits,
    standardised,
    statistics,
    with_gaps,
)

_MOST_TRAIN, _MOST_TEST = 20_000, 4_000
_NEAR = 0.05
_BALANCED = 0.5
_FEWEST = 20


def check_data(job: Assignment[CheckData]) -> Measured:
    """Look at the dataset of `job.spec`."""
    spec = job.spec
    splits = read_splits(*job.dataset(), label=spec.label, split_seed=spec.split_seed)
    seeds = seeds_of(spec.seed)
    shared = exact_duplicates(splits)
    job.tell({"event": "checked", "what": "duplicates"})
    near = near_duplicates(splits, seed=seeds["resampling"])
    job.tell({"event": "checked", "what": "near duplicates"})
    leak = fit_on(splits, seed=seeds["resampling"])
    job.tell({"event": "checked", "what": "leak"})
    balance = label_balance(splits)
    missing = sum(int((~np.isfinite(splits.x[part])).sum()) for part in PARTS)
    rows = {part: with_gaps(splits.x[part]) for part in PARTS}
    scaling = fitted_on(rows["train"], np.concatenate([*rows.values()]))
    metrics: dict[str, float | None] = {
        "duplicates_across_splits": shared["across_splits"],
        "near_duplicates_across_splits": near["across_splits"],
        "missing_values": missing,
        "label_balance": balance,
        "leak": leak["difference"],
    }
    value: dict[str, Any] = metrics | {
        "rows": {part: len(splits.x[part]) for part in PARTS},
        "features": int(splits.x["train"].shape[1]),
        "classes": len(splits.classes),
        "labels": {part: _counts(splits, part) for part in PARTS},
        "duplicates": shared,
        "near_duplicates": near,
        "fit_on": leak,
        "scaling": scaling,
    }
    gates = (
        _at_most("duplicates_across_splits", shared["across_splits"], "rows in two splits"),
        _leak_gate(leak),
        _at_most("missing_values", missing, "values missing or not finite"),
        _balance_gate(balance),
        {
            "name": "scaling_fitted_on_train",
            "threshold": 1,
            "value": {"all rows": 0, "train only": 1, "unscaled": 1}.get(scaling["fitted_on"]),
            "passed": {"all rows": False, "train only": True, "unscaled": True}.get(
                scaling["fitted_on"]
            ),
            "detail": scaling["detail"],
        },
    )
    return Measured(value, metrics, gates, {"split_sha256": splits.hashes()})


def exact_duplicates(splits: Splits) -> dict[str, Any]:
    """Count the rows of a later split that an earlier one holds too, bit for bit as float32."""
    ids = splits.ids()
    train, val, test = (ids[part] for part in PARTS)
    in_train, in_val = np.isin(test, train), np.isin(test, val)
    val_in_train = np.isin(val, train)
    everything = np.concatenate([train, val, test])
    labels = np.concatenate([splits.y[part] for part in PARTS])
    pairs = np.unique(np.stack([everything, labels]), axis=1).shape[1]
    return {
        "across_splits": int(val_in_train.sum() + (in_train | in_val).sum()),
        "train_val": int(val_in_train.sum()),
        "train_test": int(in_train.sum()),
        "val_test": int(in_val.sum()),
        "within_train": int(len(train) - len(np.unique(train))),
        "label_conflicts": int(pairs - len(np.unique(everything))),
        "method": "equal as float32, bit for bit; rows of the later split are counted",
    }


def near_duplicates(splits: Splits, *, seed: int) -> dict[str, Any]:
    """Count held-out rows that lie much closer to a training row than training rows do.

    Near is: not equal, and nearer than 5 % of the median distance between a distinct training
    row and its nearest neighbour, in columns scaled on training rows.
    """
    train = _filled(splits, np.unique(splits.x["train"], axis=0))
    train = _sample(train, _MOST_TRAIN, seed)
    method = f"nearer than {_NEAR:g} of the median distance of training rows, equal ones apart"
    if len(train) < _FEWEST:
        return {"across_splits": None, "method": method, "detail": "too few training rows"}
    search = cast("Any", sklearn.neighbors.NearestNeighbors(n_neighbors=2)).fit(train)
    ids = splits.ids()
    usual = float(np.median(search.kneighbors(train)[0][:, 1]))
    found: dict[str, int] = {}
    for part in ("val", "test"):
        other = splits.x[part][~np.isin(ids[part], ids["train"])]
        rows = _sample(_filled(splits, other), _MOST_TEST, seed)
        nearest = search.kneighbors(rows, n_neighbors=1)[0][:, 0] if len(rows) else np.ones(0)
        found[f"train_{part}"] = int((nearest < _NEAR * usual).sum())
    return {
        "across_splits": sum(found.values()),
        **found,
        "median_distance": usual,
        "method": method,
    }


def fit_on(splits: Splits, *, seed: int) -> dict[str, Any]:
    """Score test rows with a nearest-neighbour classifier, with and without shared rows.

    `train` is fitted on the training rows as they stand, `honest` on those that equal no
    held-out row, `same_size` on as many distinct training rows as `honest` has, drawn at
    random: what it keeps of the difference is not for want of rows.
    """
    honest = kept_rows(splits, drop_duplicates=True)
    ids = splits.ids()
    rng = np.random.default_rng(seed)
    _, first = np.unique(ids["train"], return_index=True)
    wanted = min(len(first), len(np.unique(ids["train"][honest])))
    same_size = rng.choice(first, size=wanted, replace=False)
    test = np.sort(rng.permutation(len(splits.x["test"]))[:_MOST_TEST])
    classes_left = len(np.unique(splits.y["train"][honest]))
    base: dict[str, Any] = {
        "classifier": "nearest neighbour, columns scaled on the rows it is fitted on",
        "interval_method": "paired bootstrap over distinct test rows, 95 %",
        "rows": {"train": len(honest), "honest": int(honest.sum()), "same_size": wanted},
    }
    if honest.sum() < _FEWEST or classes_left < len(splits.classes):
        detail = "too few training rows are left without the shared ones"
        return base | {"difference": None, "verdict": "inconclusive", "detail": detail}
    as_is, without, sized = (
        _hits(splits, rng.permutation(fitted)[:_MOST_TRAIN], test)
        for fitted in (np.arange(len(honest)), np.flatnonzero(honest), same_size)
    )
    difference = as_is - without
    interval = bootstrap_mean(difference, ids["test"][test], seed=seed)
    return (
        base
        | {
            "train": float(as_is.mean()),
            "honest": float(without.mean()),
            "same_size": float(sized.mean()),
            "difference": float(difference.mean()),
            "interval": interval,
            "same_size_interval": bootstrap_mean(sized - without, ids["test"][test], seed=seed),
        }
        | _verdict(interval, shared=int((~honest).sum()))
    )


def label_balance(splits: Splits) -> float:
    """Return the rarest class's share over an even share, in the split where it is lowest."""
    classes = len(splits.classes)
    shares = (np.bincount(splits.y[part], minlength=classes).min() for part in PARTS)
    sizes = (len(splits.y[part]) / classes for part in PARTS)
    return min(float(least / size) for least, size in zip(shares, sizes, strict=True))


def _verdict(interval: list[float], *, shared: int) -> dict[str, str]:
    low, high = interval
    if not shared:
        return {"verdict": "no leak", "detail": "no training row equals a held-out row"}
    seen = f"{shared} shared rows; the difference lies in [{low:.4f}, {high:.4f}]"
    if low > 0:
        return {"verdict": "leak", "detail": f"{seen}: test accuracy rests on rows seen before"}
    return {"verdict": "inconclusive", "detail": f"{seen}, which holds 0"}


def _hits(splits: Splits, fitted: NDArray[np.int64], test: NDArray[np.int64]) -> NDArray[Any]:
    """Return, per test row, 1.0 where the nearest of the `fitted` training rows has its class."""
    mean, deviation = statistics(splits.x["train"][fitted])
    known = np.nan_to_num(standardised(with_gaps(splits.x["train"][fitted]), mean, deviation))
    asked = np.nan_to_num(standardised(with_gaps(splits.x["test"][test]), mean, deviation))
    labels = splits.y["train"][fitted]
    model = cast("Any", sklearn.neighbors.KNeighborsClassifier(n_neighbors=1)).fit(known, labels)
    found: Labels = model.predict(asked)
    return (found == splits.y["test"][test]).astype(np.float64)


def _filled(splits: Splits, rows: Rows) -> NDArray[np.float64]:
    """Return rows in columns scaled on training rows; a gap becomes its column's mean."""
    scaled = np.nan_to_num(standardised(with_gaps(rows), *statistics(splits.x["train"])))
    return scaled.astype(np.float64)  # float32 distances of nearly equal rows are noise


def _sample(rows: NDArray[Any], most: int, seed: int) -> NDArray[Any]:
    if len(rows) <= most:
        return rows
    return rows[np.random.default_rng(seed).permutation(len(rows))[:most]]


def _counts(splits: Splits, part: str) -> dict[str, int]:
    counts = np.bincount(splits.y[part], minlength=len(splits.classes))
    return {name: int(count) for name, count in zip(splits.classes, counts, strict=True)}


def _at_most(name: str, value: int, what: str) -> dict[str, Any]:
    return {
        "name": name,
        "threshold": 0,
        "value": value,
        "passed": value <= 0,
        "detail": f"{value} {what}",
    }


def _leak_gate(leak: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "leak",
        "threshold": 0,
        "value": leak["difference"],
        "passed": {"leak": False, "no leak": True}.get(leak["verdict"]),
        "interval": leak.get("interval"),
        "detail": f"{leak['verdict']}: {leak['detail']}",
    }


def _balance_gate(balance: float) -> dict[str, Any]:
    return {
        "name": "label_balance",
        "threshold": _BALANCED,
        "value": balance,
        "passed": balance >= _BALANCED,
        "detail": f"the rarest class has {balance:.2f} of an even share",
    }
