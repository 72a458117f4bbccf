"""What a tool is given, and what it gives back."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from ensemble.lab.job_spec import JobSpec

SpecOf = TypeVar("SpecOf", bound=JobSpec)


@dataclass(frozen=True)
class Assignment(Generic[SpecOf]):
    """One job, as the worker's process got it."""

    spec: SpecOf
    folder: Path
    """Where artifacts are left."""
    store: Path
    """The lab's own folder, for what outlives a job."""
    key: str
    device: str
    data: Path | None = None
    data_sha256: str | None = None
    of: Path | None = None
    """The folder of the result that the spec refers to."""
    tell: Callable[[dict[str, Any]], None] = print
    """Reports progress."""

    def dataset(self) -> tuple[Path, str]:
        """Return the dataset's path and hash.

        Raises:
            Unfit: the job came without one.
        """
        if self.data is None or self.data_sha256 is None:
            raise Unfit("data", "the job came without a dataset")
        return self.data, self.data_sha256


@dataclass(frozen=True)
class Measured:
    """What a tool found."""

    value: dict[str, Any]
    metrics: Mapping[str, float | None]
    """What gates compare; None where it could not be measured."""
    gates: tuple[dict[str, Any], ...] = ()
    """The tool's own gates; those of the spec are added."""
    passport: dict[str, Any] = field(default_factory=dict[str, Any])
    artifacts: dict[str, Any] = field(default_factory=dict[str, Any])


class Unfit(Exception):
    """The job cannot be done as asked; `reason` is one word for `refused:…`."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


Tool = Callable[[Assignment[Any]], Measured]


def gates_of(spec: JobSpec, measured: Measured) -> list[dict[str, Any]]:
    """Return the tool's own gates, then those of the spec; the spec's threshold wins."""
    own = [gate for gate in measured.gates if gate["name"] not in spec.gate]
    wanted: list[dict[str, Any]] = []
    nothing: dict[str, Any] = {}
    for name, threshold in spec.gate.items():
        about = next((gate for gate in measured.gates if gate["name"] == name), nothing)
        wanted.append(about | _compared(spec, name, threshold, measured.metrics.get(name)))
    return own + wanted


def _compared(spec: JobSpec, name: str, threshold: float, value: float | None) -> dict[str, Any]:
    less = name in spec.at_most
    sign = "<=" if less else ">="
    if value is None:
        passed, detail = None, "not measured"
    else:
        passed = value <= threshold if less else value >= threshold
        detail = f"{name} {value:.6g}, wanted {sign} {threshold:g}"
    return {
        "name": name,
        "threshold": threshold,
        "value": value,
        "passed": passed,
        "detail": detail,
    }


def rounded(value: Any) -> Any:
    """Return `value` with floats at six significant digits, so that its JSON is stable.

    What is not finite becomes None.
    """
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: rounded(v) for k, v in cast("Mapping[str, Any]", value).items()}
    return [rounded(item) for item in cast("list[Any]", value)]
