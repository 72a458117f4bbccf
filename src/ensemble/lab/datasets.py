"""Which bytes a dataset name stands for: inside the workspace, or a set that ships along.

Only names, paths and hashes; reading what is in the file is the worker's work.
"""

from importlib.util import find_spec
from pathlib import Path

from ensemble.canonical import file_hash
from ensemble.errors import InvalidFile, Refused
from ensemble.lab.job_spec import DIGITS

_LARGEST = 256 << 20


def locate(workspace: Path, dataset: str) -> Path:
    """Return the file behind a dataset name.

    Raises:
        Refused: the name leads out of the workspace.
        InvalidFile: no file can have this name, there is none, or it is larger than 256 MiB.
    """
    if dataset == DIGITS:
        return _digits()
    try:
        return _found(workspace.resolve(), dataset)
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidFile(
            "no file can be found by this name: it is too long, or links lead in a circle",
            where="dataset",
            fix="name a file by its path inside the workspace",
        ) from error


def data_hash(path: Path) -> str:
    """Return `sha256:…` of the dataset's bytes."""
    return f"sha256:{file_hash(path)}"


def _found(root: Path, dataset: str) -> Path:
    named = Path(dataset)
    if named.is_absolute() or ".." in named.parts or not _beneath(root / named, root):
        raise Refused(
            "this path leads out of the workspace",
            where=f"dataset {dataset!r}",
            fix="name a file by its path inside the workspace, without `..` and outward links",
        )
    path = (root / named).resolve()
    if not path.is_file():
        here = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.npz"))[:5]
        raise InvalidFile(
            "there is no such file in the workspace",
            where=f"dataset {dataset!r}",
            fix=f"name one of: {', '.join([DIGITS, *here])}",
        )
    if path.stat().st_size > _LARGEST:
        raise InvalidFile(
            f"the file is larger than {_LARGEST >> 20} MiB",
            where=f"dataset {dataset!r}",
            fix="name a smaller sample of it",
        )
    return path


def _beneath(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)


def _digits() -> Path:
    """Return scikit-learn's own file, found without importing scikit-learn."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise InvalidFile(
            "scikit-learn, which carries the digits, is not installed",
            where="dataset 'digits'",
            fix="pip install scikit-learn",
        )
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
