"""Which file a dataset name stands for."""

from pathlib import Path

import pytest

from ensemble.errors import InvalidFile, Refused
from ensemble.lab.datasets import data_hash, locate


def test_a_name_stands_for_the_file_inside_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.npz").write_bytes(b"rows")

    found = locate(tmp_path, "tables/a.npz")

    assert found.read_bytes() == b"rows"


@pytest.mark.parametrize("name", ["../secret.npz", "a/../../secret.npz", "/etc/passwd.npz"])
def test_a_name_that_climbs_out_of_the_workspace_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.npz").write_bytes(b"")
    workspace = tmp_path / "workspace"
    (workspace / "a").mkdir(parents=True)

    with pytest.raises(Refused, match="out of the workspace"):
        locate(workspace, name)


def test_a_link_that_leads_out_of_the_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.npz").write_bytes(b"")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "data.npz").symlink_to(tmp_path / "secret.npz")

    with pytest.raises(Refused, match="out of the workspace"):
        locate(workspace, "data.npz")


def test_a_link_within_the_workspace_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.npz").write_bytes(b"rows")
    (tmp_path / "data.npz").symlink_to("real.npz")

    found = locate(tmp_path, "data.npz")

    assert found.name == "real.npz"


def test_a_missing_file_is_answered_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"")

    with pytest.raises(InvalidFile) as error:
        locate(tmp_path, "dat.npz")

    assert error.value.fix == "name one of: digits, data.npz"


@pytest.mark.parametrize("name", ["\N{GRINNING FACE}" * 190 + ".npz", "round.npz"])
def test_a_name_that_no_file_can_have_is_a_fault_of_the_spec(tmp_path: Path, name: str) -> None:
    (tmp_path / "round.npz").symlink_to("round.npz")

    with pytest.raises(InvalidFile, match="no file can be found") as error:
        locate(tmp_path, name)

    assert "inside the workspace" in error.value.fix


def test_the_digits_come_with_the_library(tmp_path: Path) -> None:
    found = locate(tmp_path, "digits")

    assert data_hash(found).startswith("sha256:")
