"""Equal values have equal bytes, and what no file can hold is refused."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from ensemble.canonical import (
    canonical,
    file_hash,
    fingerprint,
    tree_files,
    tree_hash,
    without_surrogates,
)


class Word(StrEnum):
    ONE = "one"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [1, 2.5, None, True]}, '{"a":[1,2.5,null,true],"b":1}'),
        (("a", ("b",)), '["a",["b"]]'),
        ("é\u2028", '"é\u2028"'),
        ({"ä": 1, "z": 2, "Z": 3}, '{"Z":3,"z":2,"ä":1}'),
        (1e22, "1e+22"),
        (-0.0, "-0.0"),
        (10**30, "1" + "0" * 30),
        (Word.ONE, '"one"'),
        ({Word.ONE: Word.ONE}, '{"one":"one"}'),
        ({}, "{}"),
    ],
)
def test_a_value_has_one_spelling(value: Any, expected: str) -> None:
    assert canonical(value).decode() == expected


def test_an_integer_and_a_float_are_two_values() -> None:
    assert fingerprint({"t": 0}) != fingerprint({"t": 0.0})


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"bytes", TypeError),
        ({1, 2}, TypeError),
        ({1: "a"}, TypeError),
        ({None: "a"}, TypeError),
        ({"a": {("b",): 1}}, TypeError),
        ([object()], TypeError),
        (Path("a"), TypeError),
        (float("nan"), ValueError),
        ([[float("inf")]], ValueError),
        ("\ud800", ValueError),
        ({"\udfff": 1}, ValueError),
    ],
)
def test_what_does_not_survive_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        canonical(value)


def test_lone_surrogates_are_replaced_and_pairs_stay() -> None:
    assert without_surrogates("a\ud800b 😀") == "a?b 😀"


def test_a_fingerprint_is_the_hash_of_the_canonical_form() -> None:
    assert fingerprint({}) == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for name in ("b.py", "a.py", "sub/c.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_tree_is_its_names_and_bytes(tree: Path) -> None:
    before = tree_hash(tree)

    assert [p.relative_to(tree).as_posix() for p in tree_files(tree)] == [
        "a.py",
        "b.py",
        "sub/c.py",
    ]
    (tree / "a.py").write_text("a.pY")
    changed = tree_hash(tree)
    (tree / "a.py").rename(tree / "d.py")
    renamed = tree_hash(tree)

    assert len({before, changed, renamed}) == 3
    assert file_hash(tree / "b.py") == fingerprint_of_bytes(b"b.py")


def fingerprint_of_bytes(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()


def test_caches_dot_files_and_links_are_no_part_of_a_tree(tree: Path) -> None:
    before = tree_hash(tree)

    for name in ("__pycache__/a.py", ".git/config", ".env", "a.pyc", "sub/.hidden/x", "empty/x"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("x")
    (tree / "empty" / "x").unlink()
    (tree / "link").symlink_to("/etc/hostname")
    (tree / "links").symlink_to("/etc")

    assert tree_hash(tree) == before


def test_clock_and_rights_of_a_file_are_no_part_of_a_tree(tree: Path) -> None:
    before = tree_hash(tree)

    os.utime(tree / "a.py", (1, 1))
    (tree / "a.py").chmod(0o400)

    assert tree_hash(tree) == before


def test_what_is_written_reads_back() -> None:
    value = {"a": [1, 1.5, "é\n\u2029", None, {"b": False}]}

    assert json.loads(canonical(value)) == value
