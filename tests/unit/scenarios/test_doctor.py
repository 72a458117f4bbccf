"""What the doctor finds: every point with a fix, and whether something can answer."""

import os
from pathlib import Path
from typing import Any

import pytest

from ensemble.config import load_settings
from ensemble.errors import InvalidFile
from ensemble.scenarios import doctor
from ensemble.scenarios.doctor import diagnose
from ensemble.testing.model_server import model_server


async def points() -> dict[str, dict[str, Any]]:
    return {point["name"]: point for point in await diagnose()}


async def test_a_server_of_the_settings_is_fine_once_it_answers_and_its_key_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with model_server() as server:
        settle(server.base_url)
        without = (await points())["server mine"]
        monkeypatch.setenv("MY_KEY", "k")
        found = await points()
    gone = (await points())["server mine"]

    assert (without["ok"], without["fix"], without["answers"]) == (False, "set MY_KEY", True)
    assert found["server mine"]["ok"]
    assert found["keys"]["fix"] == ""  # a server is named already
    assert not gone["ok"]
    assert gone["found"].startswith("does not answer at http://127.0.0.1:")


def test_an_address_that_is_no_url_is_refused_with_its_line() -> None:
    settle("127.0.0.1:8000/v1")

    with pytest.raises(InvalidFile, match=r"toml:2:1: providers\.mine\.base_url.*no http\(s\) URL"):
        load_settings()


def settle(base_url: str) -> None:
    """Write settings that name one server."""
    told = f'[providers.mine]\nbase_url = "{base_url}"\napi_key_env = "MY_KEY"\n'
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text(told)


async def test_no_key_names_those_that_would_do() -> None:
    keys = (await points())["keys"]

    assert not keys["ok"]
    assert "ANTHROPIC_API_KEY" in keys["fix"]


async def test_a_poisoned_release_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def release(_: str) -> str:
        return "1.82.8"

    monkeypatch.setattr(doctor, "version", release)

    litellm = (await points())["litellm"]

    assert not litellm["ok"]
    assert litellm["found"] == "1.82.8 was a malicious release"


async def test_folders_that_do_not_exist_yet_are_judged_by_their_parents(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "not" / "yet"))

    cache = (await points())["cache folder"]

    assert cache["ok"]
    assert cache["found"] == str(tmp_path / "not" / "yet")
