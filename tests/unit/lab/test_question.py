"""What an answer's key depends on, and what it does not."""

from pathlib import Path
from typing import Any

import pytest

from ensemble.errors import InvalidFile, Refused
from ensemble.lab.question import read_question
from ensemble.lab.specs import read_spec
from ensemble.lab.store import Store, keep_result

TRAINED = "sha256:" + "a" * 64


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "data.npz").write_bytes(b"rows")
    return tmp_path


def key(workspace: Path, **fields: Any) -> str:
    spec = read_spec({"tool": "train", "dataset": "data.npz"} | fields, where="spec")
    return read_question(spec, None, workspace=workspace, store=Store(workspace / "store")).key


def kept_training(workspace: Path, data_sha256: str) -> None:
    folder = Store(workspace / "store").folder(TRAINED)
    folder.mkdir(parents=True)
    keep_result(
        folder,
        {
            "tool": "train",
            "spec": {"dataset": "data.npz"},
            "passport": {"data_sha256": data_sha256},
            "artifacts": {},
        },
    )


def test_equal_questions_share_a_key(workspace: Path) -> None:
    assert key(workspace) == key(workspace, limits={"wall_s": 9}, cache="refresh")


@pytest.mark.parametrize("fields", [{"seed": 1}, {"threads": 2}, {"lr": 0.1}, {"epochs": 3}])
def test_what_may_change_the_answer_changes_the_key(
    workspace: Path, fields: dict[str, Any]
) -> None:
    assert key(workspace, **fields) != key(workspace)


def test_other_bytes_in_the_dataset_are_another_question(workspace: Path) -> None:
    before = key(workspace)

    (workspace / "data.npz").write_bytes(b"other rows")

    assert key(workspace) != before


def test_an_evaluation_is_keyed_by_the_model_and_not_by_its_name(workspace: Path) -> None:
    from ensemble.lab.datasets import data_hash

    kept_training(workspace, data_hash(workspace / "data.npz"))
    store = Store(workspace / "store")

    keys = {
        read_question(
            read_spec({"tool": "evaluate", "of": name}, where="spec"),
            TRAINED,
            workspace=workspace,
            store=store,
        ).key
        for name in ("fit", "L2")
    }

    assert len(keys) == 1


def test_an_evaluation_of_nothing_says_what_to_name(workspace: Path) -> None:
    spec = read_spec({"tool": "evaluate", "of": "fit"}, where="spec")

    with pytest.raises(InvalidFile, match="no trained model") as error:
        read_question(spec, TRAINED, workspace=workspace, store=Store(workspace / "store"))

    assert "result of `train`" in error.value.fix


def test_an_evaluation_on_changed_data_is_refused(workspace: Path) -> None:
    kept_training(workspace, "sha256:of other bytes")
    spec = read_spec({"tool": "evaluate", "of": "fit"}, where="spec")

    with pytest.raises(InvalidFile, match="changed since"):
        read_question(spec, TRAINED, workspace=workspace, store=Store(workspace / "store"))


def test_cuda_is_refused_where_there_is_none(workspace: Path) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this computer has a CUDA driver")

    with pytest.raises(Refused, match="no CUDA device"):
        key(workspace, device="cuda")
