"""The two trainers of the fixtures: the lab refutes the leaky one's claim, not the clean one's."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensemble.lab.client import Lab
from ensemble.lab.specs import read_spec

FIXTURES = Path(__file__).parents[2] / "scenarios" / "fixtures"
CLAIMS = {"leaky-trainer": 0.9947, "clean-trainer": 0.9722}


async def measured(trainer: str, store: Path) -> dict[str, dict[str, Any]]:
    """Return the three documents that the scenario measures first."""
    async with Lab(FIXTURES / trainer, store) as lab:
        fit = {"tool": "train", "arch": "mlp", "dataset": "data.npz", "seed": 7}
        checked, trained = await asyncio.gather(
            *(
                lab.run(read_spec(raw, where="scenario"))
                for raw in ({"tool": "check_data", "dataset": "data.npz"}, fit)
            )
        )
        test = {"tool": "evaluate", "of": "fit", "split": "test", "claim": CLAIMS[trainer]}
        scored = await lab.run(read_spec(test, where="scenario"), of=trained["cache_key"])
    return {"data": checked, "fit": trained, "test": scored}


def verdicts(documents: Mapping[str, dict[str, Any]]) -> dict[str, bool | None]:
    return {gate["name"]: gate["passed"] for d in documents.values() for gate in d["gates"]}


async def test_the_leaky_trainer_fails_on_duplicates_leak_scaling_and_claim(tmp_path: Path) -> None:
    documents = await measured("leaky-trainer", tmp_path)

    assert verdicts(documents) == {
        "duplicates_across_splits": False,
        "leak": False,
        "missing_values": True,
        "label_balance": True,
        "scaling_fitted_on_train": False,
        "claim_holds": False,
    }
    assert documents["fit"]["value"]["rows"]["dropped_as_duplicates"] > 900
    assert documents["test"]["value"]["interval"][1] < CLAIMS["leaky-trainer"] - 0.01


async def test_the_clean_trainer_passes_every_gate(tmp_path: Path) -> None:
    documents = await measured("clean-trainer", tmp_path)

    assert set(verdicts(documents).values()) == {True}
    assert documents["fit"]["value"]["rows"]["dropped_as_duplicates"] == 0


@pytest.mark.parametrize("trainer", CLAIMS)
async def test_what_a_trainers_readme_claims_is_what_is_tested_here(trainer: str) -> None:
    readme = (FIXTURES / trainer / "README.md").read_text(encoding="utf-8")

    assert f"**{CLAIMS[trainer] * 100:.2f} % test accuracy**" in readme
    assert len(readme.split()) <= 120


@pytest.mark.parametrize("trainer", CLAIMS)
def test_a_trainers_data_hold_the_six_arrays_and_are_small(trainer: str) -> None:
    path = FIXTURES / trainer / "data.npz"

    with np.load(path, allow_pickle=False) as data:
        names = set(data.files)

    assert names == {f"{axis}_{part}" for axis in "xy" for part in ("train", "val", "test")}
    assert path.stat().st_size < 150_000


@pytest.mark.slow
@pytest.mark.parametrize("trainer", CLAIMS)
def test_a_trainer_prints_about_what_its_readme_claims(trainer: str, tmp_path: Path) -> None:
    for name in ("train.py", "data.npz"):
        (tmp_path / name).write_bytes((FIXTURES / trainer / name).read_bytes())

    printed = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    assert float(printed.split()[2]) == pytest.approx(CLAIMS[trainer], abs=0.006)
