"""A spec with all that its answer depends on: data, device, versions, the result it refers to.

Two questions with the same key have the same answer; that is what the cache rests on.
"""

import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ensemble.canonical import fingerprint
from ensemble.errors import InvalidFile, Refused
from ensemble.lab.datasets import data_hash, locate
from ensemble.lab.specs import Spec, asked
from ensemble.lab.store import Store
from ensemble.lab.timing_specs import Benchmark
from ensemble.lab.training_specs import Evaluate

LIBRARIES = ("torch", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Question:
    """What is asked, on which data, where."""

    spec: Spec
    key: str
    """The cache key: `sha256:…`."""
    device: str
    device_reason: str
    data: Path | None
    data_sha256: str | None
    of: Path | None
    """The folder of the result that the spec refers to."""


def read_question(spec: Spec, of: str | None, *, workspace: Path, store: Store) -> Question:
    """Return the question that `spec` asks here.

    Raises:
        Refused: the dataset lies outside the workspace, or the device is not there.
        InvalidFile: the dataset is missing, or nothing is kept under `of`.
    """
    device, reason = _device(spec)
    path, trained = _data(spec, of, workspace, store)
    sha256 = None if path is None else data_hash(path)
    about = asked(spec) | ({"of": of} if isinstance(spec, Evaluate) else {})
    key = fingerprint(
        {
            "method_version": spec.method_version,
            "spec": about | {"device": device},
            "data": sha256,
            "environment": _environment(spec, device),
        }
    )
    return Question(spec, key, device, reason, path, sha256, trained)


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a measurement rests on."""
    return {name: _version(name) for name in LIBRARIES}


def _data(
    spec: Spec, of: str | None, workspace: Path, store: Store
) -> tuple[Path | None, Path | None]:
    """Return the spec's dataset and the folder of the result that it refers to."""
    if isinstance(spec, Benchmark):
        return None, None
    if not isinstance(spec, Evaluate):
        return locate(workspace, spec.dataset), None
    trained = None if of is None else store.found(of)
    if of is None or trained is None or trained["tool"] != "train":
        raise InvalidFile(
            "no trained model is kept under this name",
            where=f"of: {spec.of!r}",
            fix="name a result of `train` that ended ok, without `cache: off`",
        )
    path = locate(workspace, trained["spec"]["dataset"])
    if data_hash(path) != trained["passport"]["data_sha256"]:
        raise InvalidFile(
            "the data changed since the model was trained",
            where=f"of: {spec.of!r}",
            fix="train again on the data as it is now",
        )
    return path, store.folder(of)


def _device(spec: Spec) -> tuple[str, str]:
    """Return where the job runs, and why there."""
    if spec.device == "cpu":
        return "cpu", "asked for"
    cuda, reason = _cuda()
    if spec.device == "auto":
        return ("cuda", f"auto: {reason}") if cuda else ("cpu", f"auto: {reason}")
    if not cuda:
        raise Refused(
            f"there is no CUDA device: {reason}",
            where=f"spec of {spec.tool}",
            fix="ask for `device: auto` or `device: cpu`",
        )
    return "cuda", "asked for"


@cache
def _cuda() -> tuple[bool, str]:
    """Return whether CUDA can be used, asked of a process of its own: torch stays out of ours."""
    if not Path("/dev/nvidiactl").exists():
        return False, "no NVIDIA driver"
    import subprocess

    asks = "import torch; print(torch.cuda.is_available())"
    seen = subprocess.run(  # noqa: S603 - our own interpreter, a fixed text
        [sys.executable, "-c", asks], capture_output=True, text=True, check=False, timeout=120
    )
    if seen.stdout.strip() == "True":
        return True, "torch finds a CUDA device"
    return False, "there is a driver, but torch finds no CUDA device"


def _environment(spec: Spec, device: str) -> dict[str, Any]:
    """Return the class of machines on which the answer is the same."""
    same: dict[str, Any] = {
        "device": device,
        "threads": spec.threads,
        "deterministic": True,
        "versions": versions(),
    }
    if spec.exclusive:
        same["machine"] = [os.uname().nodename, os.uname().release, os.uname().machine]
    return same


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
