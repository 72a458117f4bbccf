"""The names that users may import: few, frozen in one list, loaded when they are used."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import ensemble

FROZEN: Final = (Path(__file__).parent / "public_names.txt").read_text().split()


def test_the_public_names_are_those_of_the_list() -> None:
    assert ensemble.__all__ == FROZEN, "a changed name is a changed promise: see CHANGELOG.md"
    assert len(FROZEN) <= 25


@pytest.mark.parametrize("name", FROZEN)
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(ensemble, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Pannel'"):
        _ = ensemble.Pannel


def test_importing_the_package_imports_no_library() -> None:
    code = (
        "import sys, ensemble; "
        "print([m for m in ('pydantic', 'langgraph', 'torch', 'litellm') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
