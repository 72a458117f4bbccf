"""Specs of the tools that look at data."""

from typing import Literal

from pydantic import Field

from ensemble.lab.job_spec import Dataset, JobSpec, Seed


class CheckData(JobSpec):
    """Look for leaks between splits, imbalance and missing values."""

    method_version = "2"
    metrics = (
        "duplicates_across_splits",
        "near_duplicates_across_splits",
        "missing_values",
        "label_balance",
        "leak",
    )
    at_most = frozenset(metrics) - {"label_balance"}

    tool: Literal["check_data"] = "check_data"
    """The tool\'s name."""
    dataset: Dataset
    """`digits`, or an .npz or .csv file of the workspace."""
    label: str | None = Field(default=None, min_length=1, max_length=100)
    """The label column of a .csv file; the last one where not named."""
    split_seed: Seed = 0
    """Draws the split of data that comes in one piece."""
