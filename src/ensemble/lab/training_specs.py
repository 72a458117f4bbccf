"""Specs of the tools that fit models and score them."""

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ensemble.lab.job_spec import Dataset, JobSpec, Seed, Share


class Train(JobSpec):
    """Fit a small classifier; stops early on validation and never reads a test row."""

    metrics = ("val_accuracy", "train_accuracy")

    tool: Literal["train"] = "train"
    """The tool\'s name."""
    dataset: Dataset
    """`digits`, or an .npz or .csv file of the workspace."""
    label: str | None = Field(default=None, min_length=1, max_length=100)
    """The label column of a .csv file; the last one where not named."""
    split_seed: Seed = 0
    """Draws the split of data that comes in one piece."""
    arch: Literal["mlp", "cnn"] = "mlp"
    """`cnn` needs a square number of features."""
    hidden: int = Field(default=64, ge=4, le=1024)
    """Width of the hidden layer."""
    dropout: float = Field(default=0.0, ge=0, le=0.9)
    """Share of hidden units left out in training."""
    epochs: int = Field(default=30, ge=1, le=1000)
    """Most passes over the training rows."""
    batch: int = Field(default=32, ge=1, le=8192)
    """Rows of one forward pass."""
    accum: int = Field(default=1, ge=1, le=64)
    """Forward passes of one optimiser step."""
    lr: float = Field(default=3e-3, gt=0, le=1)
    """Learning rate of AdamW at the start."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Weight decay of AdamW."""
    schedule: Literal["none", "cosine", "step"] = "cosine"
    """How the learning rate falls: not, along a half cosine, or to a tenth twice."""
    clip_norm: float | None = Field(default=1.0, gt=0, le=1000)
    """Largest gradient norm; null does not clip."""
    patience: int = Field(default=10, ge=1, le=1000)
    """Epochs without a better validation loss before training stops."""
    drop_duplicates: bool = True
    """The split guard: training rows that equal a validation or test row are left out."""


class Evaluate(JobSpec):
    """Score a trained model on a split, with an interval."""

    metrics = ("test_accuracy", "val_accuracy", "macro_f1")

    tool: Literal["evaluate"] = "evaluate"
    """The tool\'s name."""
    of: str = Field(min_length=1, max_length=100)
    """The result of `train` to score: its id in the scenario, or an evidence id."""
    split: Literal["val", "test"] = "test"
    """The rows to score on."""
    claim: Share | None = None
    """An accuracy somebody states: holds where it is not above the interval."""

    @model_validator(mode="after")
    def _gate_fits_split(self) -> "Evaluate":
        other = "val_accuracy" if self.split == "test" else "test_accuracy"
        if other in self.gate:
            raise PydanticCustomError(
                "other_split",
                "gate.{name}: not measured on the {split} split; name {split}_accuracy",
                {"name": other, "split": self.split},
            )
        return self
