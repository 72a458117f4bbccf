"""Where things lie, and the settings that only the user's own file may hold."""

from pathlib import Path

import pytest

from ensemble.config import (
    Project,
    Settings,
    cache_folder,
    library_folder,
    load_settings,
    offline,
    project_of,
    settings_file,
)
from ensemble.errors import Faults, InvalidFile


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.touch()
    monkeypatch.setenv("ENSEMBLE_CONFIG", str(path))
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSEMBLE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert not settings_file().exists()
    assert load_settings() == Settings()
    assert load_settings().embedded.threads == 2


def test_an_empty_file_leaves_the_defaults(settings: Path) -> None:
    assert settings_file() == settings
    assert load_settings() == Settings()


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_a_file_that_is_named_has_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ENSEMBLE_CONFIG", str(tmp_path / name))

    with pytest.raises(InvalidFile, match="cannot be read") as raised:
        load_settings()

    assert raised.value.where == str(tmp_path / name)
    assert "ENSEMBLE_CONFIG" in raised.value.fix


def test_each_key_that_does_not_fit_is_a_fault_with_its_own_fix(settings: Path) -> None:
    settings.write_text(
        "trasing = true\n[embedded]\nthread = 4\nthreads = 0\ncontext = 511\n"
        '[providers.lab]\nbase_uri = "http://127.0.0.1:9"\n'
    )

    with pytest.raises(Faults) as raised:
        load_settings()

    told = {fault.problem.split(":")[0]: fault for fault in raised.value.faults}
    assert set(told) == {
        *("trasing", "embedded.thread", "embedded.threads", "embedded.context"),
        *("providers.lab.base_uri", "providers.lab.base_url"),
    }
    assert told["trasing"].fix == "did you mean 'tracing'?"
    assert told["embedded.thread"].fix == "did you mean 'threads'?"
    assert told["providers.lab.base_uri"].fix == "did you mean 'base_url'?"
    assert told["providers.lab.base_url"].fix == "add `base_url`"
    assert str(told["embedded.context"]).startswith(f"{settings}:5:1: embedded.context: ")
    assert "pydantic" not in str(raised.value)


@pytest.mark.parametrize("line", ["threads = 257", "threads = 0", "context = 511"])
def test_the_embedded_servers_numbers_have_bounds(settings: Path, line: str) -> None:
    settings.write_text(f"[embedded]\n{line}\n")

    with pytest.raises(InvalidFile, match=line.partition(" ")[0]):
        load_settings()


def test_what_the_file_says_is_read(settings: Path) -> None:
    settings.write_text(
        '[providers.lab]\nbase_url = "http://127.0.0.1:9/v1"\napi_key_env = "LAB_KEY"\n'
        '[embedded]\ngguf = "/models/größer.gguf"\ncontext = 4096\nbrief = false\n'
        '[aliases]\nopus = "lab/big"\n',
        encoding="utf-8",
    )

    read = load_settings()

    assert read.providers["lab"].base_url == "http://127.0.0.1:9/v1"
    assert (read.providers["lab"].api_key_env, read.providers["lab"].form) == ("LAB_KEY", None)
    assert (read.embedded.gguf, read.embedded.context) == (Path("/models/größer.gguf"), 4096)
    assert read.embedded.brief is False
    assert read.aliases == {"opus": "lab/big"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"providers = ", "end of document"),
        (b"[embeded]\n", "embeded"),
        (b"[embedded]\nthreads = 'many'\n", "embedded.threads"),
        (b"[providers.lab]\n", "providers.lab.base_url"),
        (b"[aliases]\nopus = 'caf\xe9'\n", "utf-8"),
        (b"\x00", "line 1"),
    ],
)
def test_a_file_that_does_not_fit_names_the_key(settings: Path, text: bytes, named: str) -> None:
    settings.write_bytes(text)

    with pytest.raises(InvalidFile) as raised:
        load_settings()

    assert raised.value.where.startswith(str(settings))
    assert named in raised.value.problem


def test_a_project_cannot_say_where_prompts_are_sent(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = '[providers.lab]\nbase_url = "http://elsewhere/"\n'
    (tmp_path / "work" / ".ensemble").mkdir(parents=True)
    for name in ("config.toml", ".ensemble/config.toml", "ensemble.toml"):
        (tmp_path / "work" / name).write_text(planted)
    monkeypatch.chdir(tmp_path / "work")

    assert load_settings() == Settings()


@pytest.mark.parametrize("mark", ["agents", "scenarios", ".ensemble/runs"])
def test_a_project_is_the_nearest_folder_with_a_mark(tmp_path: Path, mark: str) -> None:
    (tmp_path / "work" / mark / "deep").mkdir(parents=True)
    file = tmp_path / "work" / mark / "deep" / "review.yaml"
    file.touch()

    assert project_of(file) == Project(tmp_path / "work")
    assert project_of(tmp_path / "work") == Project(tmp_path / "work")


def test_without_a_mark_the_project_is_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert project_of() == Project(tmp_path / "here")
    assert project_of(tmp_path) == Project(tmp_path / "here")


def test_the_projects_own_folder_wins_over_the_library(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.folders("agents") == [library_folder() / "agents"]

    (tmp_path / "agents").mkdir()

    assert project.folders("agents") == [tmp_path / "agents", library_folder() / "agents"]
    assert project.runs == tmp_path / ".ensemble" / "runs"


def test_the_librarys_own_folder_is_named_once() -> None:
    assert Project(library_folder()).folders("agents") == [library_folder() / "agents"]


@pytest.mark.parametrize(("value", "is_offline"), [("", False), ("0", False), ("1", True)])
def test_downloads_can_be_forbidden(
    monkeypatch: pytest.MonkeyPatch, value: str, *, is_offline: bool
) -> None:
    monkeypatch.setenv("ENSEMBLE_OFFLINE", value)

    assert offline() is is_offline


def test_the_cache_lies_where_the_user_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path

    monkeypatch.delenv("ENSEMBLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder().name == "ensemble"
