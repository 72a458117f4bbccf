"""One way to write a value down, so that equal values have equal bytes and equal hashes.

Canonical JSON: sorted keys, no spaces, UTF-8, floats as Python writes them. What does not
survive the way there and back is refused at the door.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

_LEFT_OUT = ("__pycache__",)
_ENCODER = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,
)


class Shared(dict[str, Any]):
    """A JSON object that many values hold and nobody changes; it is written down once."""

    @cached_property
    def text(self) -> str:
        """Its canonical form."""
        return canonical(dict(self)).decode()


def canonical(value: Any) -> bytes:
    """Return `value` as canonical JSON.

    Raises:
        TypeError: it holds bytes, a set, a key that is no string, or another foreign type.
        ValueError: it holds NaN, an infinity or a lone surrogate.
    """
    _refuse_foreign_keys(value)  # json would turn them into text
    return canonical_of_json(value)


def canonical_of_json(value: Any) -> bytes:
    """Return as canonical JSON what is known to have no keys but strings.

    Raises:
        TypeError: it holds bytes, a set or another foreign type.
        ValueError: it holds NaN, an infinity or a lone surrogate.
    """
    try:
        return _ENCODER.encode(value).encode()
    except (TypeError, ValueError):
        _refuse_foreign(value)
        raise


def canonical_members(value: Mapping[str, Any], written: Mapping[str, bytes]) -> bytes:
    """Return an object's canonical JSON without its braces.

    Args:
        value: its keys, and all keys inside, are strings.
        written: the canonical JSON of some of its members, whose names are plain words.
    """
    parts: list[bytes] = []
    between: dict[str, Any] = {}
    for name in sorted(value):
        if name not in written:
            between[name] = value[name]
            continue
        if between:
            parts.append(canonical_of_json(between)[1:-1])
            between = {}
        parts.append(f'"{name}":'.encode() + written[name])
    if between:
        parts.append(canonical_of_json(between)[1:-1])
    return b",".join(parts)


def fingerprint(value: Any) -> str:
    """Return `sha256:` and the hex SHA-256 of the canonical form of `value`."""
    return fingerprint_of(canonical(value))


def fingerprint_of(written: bytes) -> str:
    """Return the fingerprint of a value whose canonical form is `written`."""
    return f"sha256:{hashlib.sha256(written).hexdigest()}"


def file_hash(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_files(root: Path) -> Iterator[Path]:
    """Yield the files below `root` in a stable order, without caches and dot files."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts
        if any(part.startswith(".") or part in _LEFT_OUT for part in inside):
            continue
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
            yield path


def tree_hash(root: Path) -> str:
    """Return one hash over the names and bytes of all files below `root`."""
    listing = {p.relative_to(root).as_posix(): file_hash(p) for p in tree_files(root)}
    return fingerprint(listing)


def without_surrogates(text: str) -> str:
    """Return `text` with lone surrogates, which no file can hold, replaced."""
    return text.encode("utf-8", "replace").decode()


def _refuse_foreign_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in cast("dict[Any, Any]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is a {type(key).__name__}; JSON keys are strings")
            if isinstance(item, (dict, list, tuple)):
                _refuse_foreign_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[Any]", value):
            if isinstance(item, (dict, list, tuple)):
                _refuse_foreign_keys(item)


def _refuse_foreign(value: Any) -> None:
    """Raise in our words for what json refuses in its own."""
    if value is None or isinstance(value, (bool, int, str)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} does not survive JSON; say null and why instead")
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            _refuse_foreign(item)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[Any]", value):
            _refuse_foreign(item)
    else:
        raise TypeError(f"a {type(value).__name__} does not survive JSON")
