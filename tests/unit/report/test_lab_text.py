"""A lab result as text: how it ended, its gates, its figures, and the key it is kept under."""

from typing import Any

import pytest

from ensemble.report.lab_text import result_text

RESULT: dict[str, Any] = {
    "tool": "train",
    "status": "ok",
    "cached": False,
    "error": None,
    "gates": [],
    "value": {"val_accuracy": 0.98, "curve": [1, 2], "arch": "mlp"},
    "cache_key": "sha256:abc",
}


def test_figures_are_lines_and_curves_are_left_to_json() -> None:
    assert result_text(RESULT).splitlines() == [
        "train: ok",
        "  val_accuracy: 0.98",
        "  arch: mlp",
        "  cache_key: sha256:abc",
    ]


@pytest.mark.parametrize(
    ("passed", "word"), [(True, "passed"), (False, "FAILED"), (None, "inconclusive")]
)
def test_a_gate_says_how_it_came_out(passed: bool | None, word: str) -> None:  # noqa: FBT001
    gate = {"name": "leak", "passed": passed, "value": 3}

    text = result_text({**RESULT, "gates": [gate], "cached": True})

    assert text.startswith("train: ok (cached)\n")
    assert f"  gate leak {word}: 3\n" in text


def test_a_failed_job_says_why() -> None:
    text = result_text({**RESULT, "status": "timeout", "error": "not done", "value": {}})

    assert text.startswith("train: timeout\n  not done\n")
