"""Train: fit a classifier on training rows, stop on validation, never see a test row."""

# pyright: reportUnknownMemberType=false
# torch leaves parameters of its own functions without a type.

import copy
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

from ensemble.canonical import file_hash
from ensemble.lab.training_specs import Train
from ensemble.lab.worker.contract import Assignment, Measured, Unfit
from ensemble.lab.worker.networks import (
    be_deterministic,
    network,
    save_weights,
    weights_sha256,
)
from ensemble.lab.worker.passport import seeds_of
from ensemble.lab.worker.splits import (
    Learning,
    learning_rows,
    read_splits,
    standardised,
    statistics,
)

WEIGHTS = "weights.safetensors"
Tell = Callable[[dict[str, Any]], None]


def train(job: Assignment[Train]) -> Measured:
    """Train as `job.spec` says; leave the best weights in the job's folder."""
    spec = job.spec
    splits = read_splits(*job.dataset(), label=spec.label, split_seed=spec.split_seed)
    rows = learning_rows(splits, drop_duplicates=spec.drop_duplicates)
    value, tensors = fit(rows, spec, device=job.device, tell=job.tell)
    about = {
        "arch": spec.arch,
        "hidden": spec.hidden,
        "features": int(rows.x_train.shape[1]),
        "classes": list(splits.classes),
    }
    save_weights(job.folder / WEIGHTS, tensors, about)
    return Measured(
        value=value,
        metrics={name: value[name] for name in spec.metrics},
        passport={"split_sha256": splits.hashes(), "deterministic": True},
        artifacts={"weights": {"file": WEIGHTS, "sha256": file_hash(job.folder / WEIGHTS)}},
    )


def fit(
    rows: Learning, spec: Train, *, device: str, tell: Tell
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Fit on `rows`; return what was seen, and the weights with their input scaling.

    Raises:
        Unfit: the rows have missing values, are too few, or the loss left the numbers.
    """
    _refuse_unfit(rows)
    seeds = seeds_of(spec.seed)
    be_deterministic(spec.threads)
    random.seed(seeds["init"])
    np.random.seed(seeds["init"])  # noqa: NPY002 - libraries draw from the global state
    torch.manual_seed(seeds["init"])
    mean, deviation = statistics(rows.x_train)
    features = int(rows.x_train.shape[1])
    model = network(
        spec.arch,
        features=features,
        classes=rows.classes,
        hidden=spec.hidden,
        dropout=spec.dropout,
    ).to(device)
    torch.manual_seed(seeds["dropout"])

    def moved(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor]:
        scaled = torch.from_numpy(standardised(x, mean, deviation))
        return scaled.to(device), torch.from_numpy(y).to(device)

    data = moved(rows.x_train, rows.y_train)
    shuffle = torch.Generator().manual_seed(seeds["shuffle"])
    loader = DataLoader(TensorDataset(*data), spec.batch, shuffle=True, generator=shuffle)
    course = _Course(model, spec, loader, tell)
    course.run(data, moved(rows.x_val, rows.y_val))
    tensors = {f"model.{name}": tensor for name, tensor in course.best.items()}
    tensors["input.mean"] = torch.from_numpy(mean)
    tensors["input.deviation"] = torch.from_numpy(deviation)
    value = course.summary() | {
        "rows": {
            "train": len(rows.x_train),
            "val": len(rows.x_val),
            "dropped_as_duplicates": rows.dropped,
        },
        "parameters": sum(p.numel() for p in model.parameters()),
        "weights_sha256": weights_sha256(tensors),
    }
    return value, tensors


class _Course:
    """One training, from the first epoch to the one that was best on validation."""

    def __init__(
        self,
        model: nn.Module,
        spec: Train,
        loader: "DataLoader[tuple[Tensor, ...]]",
        tell: Tell,
    ) -> None:
        self.model = model
        self.spec = spec
        self.loader = loader
        self.tell = tell
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=spec.lr, weight_decay=spec.weight_decay
        )
        self.best: dict[str, Tensor] = {}
        self.best_epoch = 0
        self.scores: dict[str, float] = {}
        self.curves: dict[str, list[float]] = {
            name: [] for name in ("train_loss", "val_loss", "val_accuracy", "lr", "grad_norm")
        }

    def run(self, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor]) -> None:
        """Train until the epochs are over or patience is."""
        schedule = LambdaLR(self.optimiser, _schedule(self.spec))
        for epoch in range(1, self.spec.epochs + 1):
            rate = float(schedule.get_last_lr()[0])
            train_loss, norm = self._epoch()
            schedule.step()
            val_loss, val_accuracy = _scored(self.model, *val)
            self._keep(train_loss, val_loss, val_accuracy, rate, norm)
            self.tell(
                {
                    "event": "epoch",
                    "epoch": epoch,
                    "epochs": self.spec.epochs,
                    "val_loss": val_loss,
                    "val_accuracy": val_accuracy,
                }
            )
            if not math.isfinite(train_loss + val_loss):
                raise Unfit("diverged", f"the loss left the numbers in epoch {epoch}; lower lr")
            if val_loss <= min(self.curves["val_loss"]):
                self.best = copy.deepcopy(self.model.state_dict())
                self.best_epoch = epoch
                self.scores = {"val_accuracy": val_accuracy, "val_loss": val_loss}
            elif epoch - self.best_epoch >= self.spec.patience:
                break
        self.model.load_state_dict(self.best)
        self.scores["train_accuracy"] = _scored(self.model, *train)[1]

    def summary(self) -> dict[str, Any]:
        """Return the scores of the best epoch and the curves of all."""
        ran = len(self.curves["val_loss"])
        return self.scores | {
            "best_epoch": self.best_epoch,
            "epochs_run": ran,
            "stopped_early": ran < self.spec.epochs,
            "curves": self.curves,
        }

    def _epoch(self) -> tuple[float, float]:
        """Take the optimiser's steps over all rows; return mean loss and largest norm."""
        self.model.train()
        total, seen, largest = 0.0, 0, 0.0
        window: list[tuple[Tensor, ...]] = []
        for batch in self.loader:
            window.append(tuple(batch))
            if len(window) == self.spec.accum:
                loss, norm = self._step(window)
                total, largest = total + loss, max(largest, norm)
                seen += sum(len(labels) for _, labels in window)
                window = []
        if window:
            loss, norm = self._step(window)
            total, largest = total + loss, max(largest, norm)
            seen += sum(len(labels) for _, labels in window)
        return total / seen, largest

    def _step(self, window: list[tuple[Tensor, ...]]) -> tuple[float, float]:
        """Take one step over several batches, each row weighing the same in all of them."""
        rows = sum(len(labels) for _, labels in window)
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for x, y in window:
            loss = functional.cross_entropy(self.model(x), y, reduction="sum")
            (loss / rows).backward()
            total += float(loss.detach())
        limit = math.inf if self.spec.clip_norm is None else self.spec.clip_norm
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        self.optimiser.step()
        return total, norm

    def _keep(self, *values: float) -> None:
        for curve, value in zip(self.curves.values(), values, strict=True):
            curve.append(value)


def _refuse_unfit(rows: Learning) -> None:
    if not np.isfinite(rows.x_train).all() or not np.isfinite(rows.x_val).all():
        raise Unfit("missing_values", "training needs every value; fill or drop what is missing")
    if len(np.unique(rows.y_train)) < 2 or not len(rows.y_val):  # noqa: PLR2004 - two classes
        raise Unfit(
            "too_few_rows",
            f"{len(rows.y_train)} training rows are left ({rows.dropped} dropped because they "
            f"equal held-out rows), {len(rows.y_val)} for validation",
        )


def _schedule(spec: Train) -> Callable[[int], float]:
    match spec.schedule:
        case "none":
            return lambda _: 1.0
        case "cosine":
            return lambda epoch: 0.5 * (1 + math.cos(math.pi * epoch / spec.epochs))
        case "step":
            return lambda epoch: 0.1 ** sum(epoch >= spec.epochs * k // 3 for k in (1, 2))


def _scored(model: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Return mean loss and accuracy, in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        logits = model(x)
        loss = float(functional.cross_entropy(logits, y))
        return loss, float((logits.argmax(1) == y).float().mean())
