"""Child processes are measured from outside."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.process import ENSEMBLE, environment, finished, watched
from ensemble.errors import EnsembleError

BUSY = "import time; began = time.process_time()\nwhile time.process_time() < began + {}: pass"
TALKING = """
import sys, time
print("a document")
for word in ("one", "two"):
    sys.stderr.write(f"{word} {sys.stderr.isatty()} ")
    sys.stderr.flush()
    time.sleep(0.5)
"""


def test_a_child_that_computes_longer_costs_more() -> None:
    short, long = (finished([sys.executable, "-c", BUSY.format(s)]) for s in (0.05, 0.4))

    assert long.cpu_s > short.cpu_s + 0.2


def test_what_a_childs_own_child_computes_is_counted_too() -> None:
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY.format(0.4)!r}])"

    outer, bare = finished([sys.executable, "-c", inner]), finished([sys.executable, "-c", ""])

    assert outer.cpu_s > bare.cpu_s + 0.2


def test_a_child_that_fails_has_no_figures_and_its_last_words_are_told() -> None:
    ended = finished([*ENSEMBLE, "nonesuch"])

    with pytest.raises(EnsembleError, match="No such command 'nonesuch'") as caught:
        ended.require()

    assert "status 2" in caught.value.problem
    assert caught.value.where == "python3 -m ensemble nonesuch".replace(
        "python3", Path(sys.executable).name
    )


def test_a_watched_child_has_a_terminal_and_its_silences_are_told(tmp_path: Path) -> None:
    ended = watched([sys.executable, "-c", TALKING], cwd=tmp_path, env=environment()).require()

    assert ended.said == "one True two True "
    assert ended.out == "a document\n"
    assert len(ended.silences) == 3
    assert sum(ended.silences) == pytest.approx(ended.wall_s, abs=0.05)


def test_a_child_finds_no_keys_and_no_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("ENSEMBLE_CONFIG", str(tmp_path))

    given = environment(LINES="40")

    assert "OPENAI_API_KEY" not in given
    assert given["ENSEMBLE_CONFIG"] == os.devnull
    assert given["LINES"] == "40"
