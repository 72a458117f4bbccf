"""What litellm's bundled table says, read as a file."""

import subprocess
import sys

import pytest

from ensemble.models.price_table import listed, price_source


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("litellm", "gemini/gemini-2.5-pro"),
        ("deepseek", "deepseek-v3.2"),
        ("anthropic", "claude-opus-5"),
    ],
)
def test_a_route_is_found_as_we_write_it(provider: str, model: str) -> None:
    entry = listed(provider, model)

    assert entry is not None
    assert entry.usd_per_mtok is not None
    assert entry.context


def test_a_price_with_steps_is_its_highest() -> None:
    entry = listed("anthropic", "claude-haiku-5-5")

    assert entry is not None
    assert entry.usd_per_mtok == (0.5, 2.5)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("mine", "claude-opus-5"), ("openrouter", "gpt-5"), ("litellm", "nobody/knows")],
)
def test_nobody_elses_price_is_taken(provider: str, model: str) -> None:
    assert listed(provider, model) is None


def test_each_price_has_a_source() -> None:
    ours, theirs = price_source("anthropic", "claude-opus-5-5"), price_source("litellm", "gpt-5")

    assert ours is not None
    assert (ours.what, ours.date) == ("the price table in litellm 1.106.2", "2026-10-21")
    assert theirs is not None
    assert theirs.what.startswith("the price table in litellm ")
    assert price_source("litellm", "nobody/knows") is None


def test_the_table_is_read_without_litellm() -> None:
    code = (
        "import sys\n"
        "from ensemble.models.price_table import listed\n"
        "print(listed('litellm', 'gpt-5') is not None, 'litellm' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "True False", done.stderr
