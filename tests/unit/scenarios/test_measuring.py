"""A lab job asked for from the shell."""

from pathlib import Path

import pytest

from ensemble.errors import InvalidFile
from ensemble.scenarios.measuring import measure


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_a_gate_that_is_no_number_is_told_with_its_field(tmp_path: Path) -> None:
    fields = ["dataset=digits", 'gate={"val_accuracy": NaN}']

    with pytest.raises(InvalidFile, match=r"gate\.val_accuracy: ") as error:
        await measure("train", fields, None, tmp_path)

    assert "gate" in error.value.fix


@pytest.mark.parametrize("text", ["[]", "3", "null", '"train"', "[" * 100_000, "{", "\udcff"])
async def test_a_spec_file_that_holds_no_object_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spec.json"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(InvalidFile, match="JSON") as error:
        await measure("train", ["dataset=digits"], path, tmp_path)

    assert error.value.where == str(path)


async def test_a_value_nested_without_end_is_a_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="epochs: "):
        await measure("train", ["dataset=digits", f"epochs={'[' * 100_000}"], None, tmp_path)
