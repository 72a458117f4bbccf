"""A person who holds a seat."""

import asyncio
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ensemble.errors import CannotWrite, Paused
from ensemble.models.manual import file_name, manual
from ensemble.models.provider import Candidate, ModelCall

PERSON = Candidate("manual", "manual", "person", available=True, reason="")
CALL = ModelCall(
    "panel[0]/panel_member#0/model#0",
    (SystemMessage("You review."), HumanMessage("Is it sound?")),
    {"type": "object"},
)
NAME = "panel.0.panel_member.0.model.0"


async def test_without_a_terminal_the_run_pauses_and_says_where_to_answer(tmp_path: Path) -> None:
    ask_person = manual(tmp_path / "manual", run="r-1", at_terminal=False)

    with pytest.raises(Paused) as caught:
        await ask_person(PERSON, CALL)

    text = str(caught.value)
    assert str(tmp_path / "manual" / f"{NAME}.prompt.md") in text
    assert str(tmp_path / "manual" / f"{NAME}.answer.md") in text
    assert "ensemble resume r-1" in text


async def test_where_no_command_resumes_the_run_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(Paused) as caught:
        await manual(tmp_path, run=None, at_terminal=False)(PERSON, CALL)

    assert caught.value.fix.endswith(f"{NAME}.answer.md, while the run waits for it")


async def test_the_prompt_file_holds_all_that_has_to_be_answered(tmp_path: Path) -> None:
    with pytest.raises(Paused):
        await manual(tmp_path, run="r-1", at_terminal=False)(PERSON, CALL)

    text = (tmp_path / f"{NAME}.prompt.md").read_text()
    places = [text.index(part) for part in ("You review.", "Is it sound?", '"type": "object"')]
    assert places == sorted(places)
    assert f"{NAME}.answer.md" in text


async def test_the_prompt_file_holds_no_secret(tmp_path: Path) -> None:
    def clean(text: str) -> str:
        return text.replace("Is it sound?", "<secret>")

    with pytest.raises(Paused):
        await manual(tmp_path, run="r-1", at_terminal=False, clean=clean)(PERSON, CALL)

    text = (tmp_path / f"{NAME}.prompt.md").read_text()
    assert "Is it sound?" not in text
    assert "<secret>" in text


async def test_an_answer_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.answer.md").write_text("\n**Result**: sound\n\n")

    reply = await manual(tmp_path, run="r-1", at_terminal=False)(PERSON, CALL)

    assert reply.text == "**Result**: sound"
    assert reply.served == "manual/person"
    assert not (tmp_path / f"{NAME}.prompt.md").exists()


async def test_an_answer_is_also_looked_for_in_the_folders_given(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / f"{NAME}.answer.md").write_text("kept")

    reply = await manual(tmp_path / "run", run="r", answers=[kept], at_terminal=False)(PERSON, CALL)

    assert reply.text == "kept"


async def test_an_empty_answer_is_none_yet(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.answer.md").write_text(" \n")

    with pytest.raises(Paused):
        await manual(tmp_path, run="r", at_terminal=False)(PERSON, CALL)


async def test_at_a_terminal_the_run_waits_for_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answer_once_asked() -> None:
        async with asyncio.timeout(20):
            while not (tmp_path / f"{NAME}.prompt.md").exists():  # noqa: ASYNC110 - a person looks
                await asyncio.sleep(0.01)
        (tmp_path / f"{NAME}.answer.md").write_text("Yes.")

    reply, _ = await asyncio.gather(
        manual(tmp_path, run="r", at_terminal=True)(PERSON, CALL), answer_once_asked()
    )

    assert reply.text == "Yes."
    assert f"{NAME}.prompt.md" in capsys.readouterr().err


async def test_nobody_at_the_terminal_pauses_the_run_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(Paused):
        await manual(tmp_path, run="r", at_terminal=True, wait_s=0.05)(PERSON, CALL)


async def test_a_folder_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotWrite, match="cannot be written"):
        await manual(tmp_path / "file", run="r", at_terminal=False)(PERSON, CALL)


def test_a_key_makes_a_file_name_that_leads_nowhere_else() -> None:
    assert file_name("panel[1]/panel_member#0/model#2") == "panel.1.panel_member.0.model.2"
    assert "/" not in file_name("../../etc/passwd")
