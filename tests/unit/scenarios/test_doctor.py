"""What the doctor finds: every point with a fix, and whether something can answer."""

from pathlib import Path
from typing import Any

import pytest

from ensemble.scenarios import doctor
from ensemble.scenarios.doctor import diagnose


async def points() -> dict[str, dict[str, Any]]:
    return {point["name"]: point for point in await diagnose()}


async def test_a_server_of_the_settings_is_fine_once_its_key_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[providers.mine]\nbase_url = "http://x/v1"\napi_key_env = "MY_KEY"\n')
    monkeypatch.setenv("ENSEMBLE_CONFIG", str(settings))
    without = (await points())["server mine"]

    monkeypatch.setenv("MY_KEY", "k")
    with_key = (await points())["server mine"]

    assert (without["ok"], without["fix"], without["answers"]) == (False, "set MY_KEY", True)
    assert with_key["ok"]


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
