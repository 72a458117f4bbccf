"""How the figures of a first run are made out of what is seen."""

import sys

import pytest

from benchmarks.first import HEAVY, imported, importing, installing
from benchmarks.live import prefix_factor, shared_length
from benchmarks.process import finished
from benchmarks.row import Options

PROMPTS = ((1, 2, 3, 4, 50), (1, 2, 3, 4, 60, 61), (1, 2, 3, 4, 50, 70))
"""Four tokens shared by all; five of their own."""


def test_what_all_prompts_begin_with_is_shared() -> None:
    assert shared_length(PROMPTS) == 4
    assert shared_length([(1, 2), (1, 2)]) == 2
    assert shared_length([(1,), (2,)]) == 0


@pytest.mark.parametrize(
    ("computed", "factor"), [(4 + 5, 1.0), (4 + 5 + 4, 2.0), (3 * 4 + 5, 3.0), (4 + 5 - 1, 0.75)]
)
def test_the_prefix_factor_counts_how_often_the_shared_part_was_computed(
    computed: int, factor: float
) -> None:
    assert prefix_factor(PROMPTS, computed) == factor


def test_the_interpreters_list_of_imports_is_read() -> None:
    code = "import xml.dom; import json as torch"

    loaded = imported(finished([sys.executable, "-X", "importtime", "-c", code]).said)

    assert {"xml", "json"} <= loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_heavy_library_on_the_list_is_found() -> None:
    said = "import time:  12 |  34 |   torch.nn\nimport time: 5 | 6 | torchvision\nhello | torch\n"

    assert imported(said) == {"torch", "torchvision"}


def test_commands_that_ask_no_model_load_no_heavy_library() -> None:
    rows = list(importing(Options()))

    assert [row.name.removeprefix("heavy_imports_") for row in rows] == [
        "help",
        "check",
        "draw",
        "plan",
    ]
    assert [row.how for row in rows if not row.held] == []


def test_nothing_is_installed_unless_it_was_asked_for() -> None:
    assert list(installing(Options())) == []
