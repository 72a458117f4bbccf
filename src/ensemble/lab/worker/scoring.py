"""Evaluate: score kept weights on held-out rows, with an interval and a count of looks."""

# pyright: reportUnknownMemberType=false
# torch leaves parameters of its own functions without a type.

import fcntl
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ensemble.lab.specs import read_spec
from ensemble.lab.store import read_result
from ensemble.lab.training_specs import Evaluate, Train
from ensemble.lab.worker.contract import Assignment, Measured, Unfit
from ensemble.lab.worker.intervals import percentiles, weights_of_resamples, wilson
from ensemble.lab.worker.networks import be_deterministic, load_weights, network
from ensemble.lab.worker.passport import seeds_of
from ensemble.lab.worker.splits import (
    Labels,
    Rows,
    Splits,
    kept_rows,
    read_splits,
    standardised,
)
from ensemble.lab.worker.training import WEIGHTS

TOUCHES = "test-touches.jsonl"


def evaluate(job: Assignment[Evaluate]) -> Measured:
    """Score the model of `job.of` on the split that `job.spec` names."""
    spec = job.spec
    trained, splits = _trained_on(job)
    x, y = splits.x[spec.split], splits.y[spec.split]
    be_deterministic(spec.threads)
    found = predictions(_folder(job) / WEIGHTS, x, device=job.device)
    ids = splits.ids()
    distinct = len(np.unique(ids[spec.split]))
    accuracy = float((found == y).mean())
    interval = wilson(accuracy, distinct)
    resampled = weights_of_resamples(ids[spec.split], seed=seeds_of(spec.seed)["resampling"])
    classes = len(splits.classes)
    f1 = macro_f1(confusion(y, found, classes))
    f1s = [macro_f1(confusion(y, found, classes, weights=row)) for row in resampled[:1000]]
    name = f"{spec.split}_accuracy"
    metrics = {name: accuracy, "macro_f1": f1}
    value: dict[str, Any] = metrics | {
        "interval": interval,
        "interval_method": "Wilson, 95 %, over distinct rows",
        "macro_f1_interval": percentiles(np.array(f1s)),
        "macro_f1_interval_method": "bootstrap, 95 %, over distinct rows",
        "rows": len(y),
        "distinct_rows": distinct,
        "rows_seen_in_training": _seen(splits, trained, ids[spec.split]),
        "confusion": confusion(y, found, classes).astype(int).tolist(),
        "weights_sha256": _result(job)["value"]["weights_sha256"],
    }
    passport: dict[str, Any] = {"split_sha256": splits.hashes()[spec.split]}
    if spec.split == "test":
        passport["test_touches"] = touch(job.store, str(job.data_sha256), job.key)
    gates = tuple({"name": g, "interval": interval} for g in spec.gate if g == name)
    claimed = () if spec.claim is None else (_claim(spec.claim, accuracy, interval),)
    return Measured(value, metrics, gates + claimed, passport)


def predictions(weights: Path, x: Rows, *, device: str) -> Labels:
    """Return the class that the kept model gives each row of `x`, `(n, features)`."""
    tensors, about = load_weights(weights)
    if x.shape[1] != about["features"]:
        raise Unfit("shape", f"the model takes {about['features']} features, not {x.shape[1]}")
    model = network(
        about["arch"],
        features=about["features"],
        classes=len(about["classes"]),
        hidden=about["hidden"],
        dropout=0.0,
    )
    prefix = "model."
    model.load_state_dict(
        {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    )
    model.to(device).eval()
    mean, deviation = tensors["input.mean"].numpy(), tensors["input.deviation"].numpy()
    with torch.inference_mode():
        logits = model(torch.from_numpy(standardised(x, mean, deviation)).to(device))
        found: Labels = logits.argmax(1).cpu().numpy()
    return found


def confusion(
    true: Labels, found: Labels, classes: int, *, weights: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Return `(classes, classes)` counts: row the true class, column the found one."""
    cells = np.bincount(true * classes + found, weights=weights, minlength=classes**2)
    return cells.reshape(classes, classes).astype(np.float64)


def macro_f1(counts: NDArray[np.float64]) -> float:
    """Return the mean F1 over the classes that occur or were found."""
    hits, true, found = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    there = (true + found) > 0
    return float((2 * hits[there] / (true + found)[there]).mean())


def touch(store: Path, data_sha256: str, key: str) -> int:
    """Note that test rows were scored; return how often that was done with these data.

    A test set that is looked at again and again becomes a validation set.
    """
    with (store / TOUCHES).open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps({"data": data_sha256, "key": key}) + "\n")
        file.flush()
        file.seek(0)
        return sum(json.loads(line)["data"] == data_sha256 for line in file)


def _claim(claim: float, accuracy: float, interval: list[float]) -> dict[str, Any]:
    holds = claim <= interval[1]
    return {
        "name": "claim_holds",
        "threshold": claim,
        "value": accuracy,
        "passed": holds,
        "interval": interval,
        "detail": f"claimed {claim:g}, measured {accuracy:.4f} "
        f"[{interval[0]:.4f}, {interval[1]:.4f}]: "
        + ("the claim is within reach" if holds else "the claim lies above the interval"),
    }


def _trained_on(job: Assignment[Evaluate]) -> tuple[Train, Splits]:
    trained = read_spec(_result(job)["spec"], where="the trained model's spec")
    if not isinstance(trained, Train):
        raise Unfit("of", f"`of: {job.spec.of}` names a result of {trained.tool}, not of train")
    label, seed = trained.label, trained.split_seed
    return trained, read_splits(*job.dataset(), label=label, split_seed=seed)


def _result(job: Assignment[Evaluate]) -> dict[str, Any]:
    result = read_result(_folder(job))
    if result is None:
        raise Unfit("of", f"the result that `of: {job.spec.of}` names is gone; train again")
    return result


def _folder(job: Assignment[Evaluate]) -> Path:
    if job.of is None:
        raise Unfit("of", "the job came without the result that it refers to")
    return job.of


def _seen(splits: Splits, trained: Train, scored: Labels) -> int:
    """Return how many of the scored rows the model was trained on."""
    ids = splits.ids()
    rows = ids["train"][kept_rows(splits, drop_duplicates=trained.drop_duplicates)]
    return int(np.isin(scored, rows).sum())
