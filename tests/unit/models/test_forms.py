"""What was found of models: kept by address, model and version, and never trusted blindly."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.models.forms import Forms, Lessons
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure
from ensemble.models.selection import Wishes, resolve
from ensemble.testing.ollama_server import ollama_server

CALL = ModelCall("k", (HumanMessage("Sound?"),), {"type": "object"})


def a_candidate(provider: str = "mine", form: Form = Form.SCHEMA) -> Candidate:
    return Candidate("m", provider, "m", available=True, reason="", form=form)


def settings_at(url: str, key: str | None = None) -> Settings:
    return Settings(providers={"mine": OwnServer(base_url=url, api_key_env=key)})


def test_what_is_kept_is_found_again_with_its_date(tmp_path: Path) -> None:
    file, settings = tmp_path / "cache" / "forms.json", settings_at("http://127.0.0.1:1/v1")
    Forms(settings, file).keep(a_candidate(), Form.TOOL_CALL, "probed")
    Forms(settings, file).keep(a_candidate("groq"), Form.TEXT, "learned")

    found = Forms(settings, file).of(a_candidate())

    assert found is not None
    assert (found.form, found.how, len(found.on)) == (Form.TOOL_CALL, "probed", len("2026-11-24"))
    assert [path.name for path in file.parent.iterdir()] == ["forms.json"]


def test_a_server_at_another_address_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "forms.json"
    Forms(settings_at("http://127.0.0.1:1/v1"), file).keep(a_candidate(), Form.TEXT, "probed")

    assert Forms(settings_at("http://127.0.0.1:2/v1"), file).of(a_candidate()) is None


def test_what_was_found_of_another_version_says_nothing(tmp_path: Path) -> None:
    forms = Forms(Settings(), tmp_path / "forms.json")
    forms.keep(a_candidate("ollama"), Form.TEXT, "probed", "d1")

    assert forms.of(a_candidate("ollama"), "d1") is not None
    assert forms.of(a_candidate("ollama"), "d2") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"groq m": 1}', '{"groq m": {"form": "odd"}}', '{"groq m": null}']
)
def test_a_damaged_file_costs_what_it_held(text: str, tmp_path: Path) -> None:
    file = tmp_path / "forms.json"
    file.write_text(text)
    forms = Forms(Settings(), file)

    before = forms.of(a_candidate("groq"))
    forms.keep(a_candidate("groq"), Form.TEXT, "probed")

    assert before is None
    assert json.loads(file.read_text())["groq m"]["form"] == "text"


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    forms = Forms(Settings(), tmp_path / "file" / "forms.json")

    forms.keep(a_candidate(), Form.TEXT, "probed")

    assert forms.of(a_candidate()) is None


@pytest.mark.parametrize(
    ("url", "free"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://localhost:1/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://me:password@127.0.0.1:1/v1", False),
        ("https://api.example.com/v1", False),
        ("https://127.example.com/v1", False),
    ],
)
def test_only_what_runs_here_is_free(url: str, *, free: bool) -> None:
    assert Forms(settings_at(url)).is_free(a_candidate()) is free


def test_a_server_here_that_wants_a_key_may_pass_on_to_one_that_is_paid() -> None:
    assert not Forms(settings_at("http://127.0.0.1:1/v1", "MINE_KEY")).is_free(a_candidate())


@pytest.mark.parametrize(
    ("host", "tag", "free"),
    [
        ("", "m:1b", True),
        ("127.0.0.1:1", "m:1b", True),
        ("https://ollama.example.com", "m:1b", False),
        ("", "m:120b-cloud", False),
        ("", "m:cloud", False),
    ],
)
def test_ollama_is_free_where_the_model_is_here(
    host: str, tag: str, *, free: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    candidate = Candidate("m", "ollama", tag, available=True, reason="")

    assert Forms(Settings()).is_free(candidate) is free


def test_what_is_kept_tells_no_password_and_is_for_the_users_eyes(tmp_path: Path) -> None:
    file, url = tmp_path / "forms.json", "http://me:hunter2-long@127.0.0.1:1/v1?key=hunter3"

    Forms(settings_at(url), file).keep(a_candidate(), Form.TEXT, "probed")

    assert list(json.loads(file.read_text())) == ["http://127.0.0.1:1/v1 m"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_threads_that_keep_at_once_lose_nothing(tmp_path: Path) -> None:
    file, settings = tmp_path / "forms.json", settings_at("http://127.0.0.1:1/v1")

    def keep(number: int) -> None:
        candidate = Candidate("m", "mine", f"m{number}", available=True, reason="")
        Forms(settings, file).keep(candidate, Form.TEXT, "probed")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(100)))

    assert len(json.loads(file.read_text())) == 100


def test_a_lesson_is_of_the_version_that_was_probed(tmp_path: Path) -> None:
    forms, ollamas = Forms(Settings(), tmp_path / "forms.json"), a_candidate("ollama")
    forms.keep(ollamas, Form.SCHEMA, "probed", "d1")
    lessons = Lessons(forms)

    lessons.doubt(ollamas, CALL, ModelFailure(Failure.FORM, "words"))
    lessons.took(a_candidate("ollama", Form.TEXT))

    found = forms.of(ollamas, "d1")
    assert found is not None
    assert (found.form, found.how) == (Form.TEXT, "learned")


def test_one_refusal_that_does_not_speak_of_the_form_teaches_nothing() -> None:
    lessons = Lessons()

    def refused_and_answered() -> None:
        lessons.doubt(a_candidate(), CALL, ModelFailure(Failure.BAD_REQUEST, "hiccup, try again"))
        lessons.took(a_candidate(form=Form.TEXT))

    refused_and_answered()
    lessons.refuse(a_candidate(), CALL)
    refused_and_answered()

    with pytest.raises(ModelFailure):
        lessons.refuse(a_candidate(), CALL)


async def test_another_model_under_ollamas_tag_is_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(_: object) -> str:
        return ""

    async with ollama_server(silent, tags=["m:1b"]) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        candidate = Candidate("m", "ollama", "m:1b", available=True, reason="")
        Forms(Settings()).keep(candidate, Form.TEXT, "probed", "d1")
        wishes, here = Wishes(chain=("ollama/m:1b",)), {"OLLAMA_HOST": server.host}

        known = await resolve(wishes, settings=Settings(), probes=Probes(here))
        server.digest = "d2"
        other = await resolve(wishes, settings=Settings(), probes=Probes(here))

    assert (known[0].form, other[0].form) == (Form.TEXT, Form.SCHEMA)


def test_a_refusal_teaches_only_once_a_weaker_form_was_answered() -> None:
    lessons, failure = Lessons(), ModelFailure(Failure.BAD_REQUEST, "no response_format here")
    lessons.doubt(a_candidate(), CALL, failure)
    lessons.refuse(a_candidate(), CALL)

    lessons.took(a_candidate(form=Form.TEXT))

    assert failure.kind is Failure.FORM
    with pytest.raises(ModelFailure) as refused:
        lessons.refuse(a_candidate(), CALL)
    assert refused.value.kind is Failure.FORM_CLOSED
    lessons.refuse(a_candidate(form=Form.TEXT), CALL)


def test_an_answer_in_the_form_itself_teaches_nothing() -> None:
    lessons = Lessons()
    lessons.doubt(a_candidate(), CALL, ModelFailure(Failure.FORM, "words"))

    lessons.took(a_candidate())

    lessons.refuse(a_candidate(), CALL)
