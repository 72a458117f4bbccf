"""Panels composed in Python: the examples of the docs, and what they leave out."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from ensemble import END, START, Edge, Panel, Role, Rules, Topology, load_agents
from ensemble.errors import InvalidFile, NoModelLeft, Paused, UsageError
from ensemble.journal.file import read_events
from ensemble.models.provider import Candidate, ModelCall, Reply
from ensemble.scenarios.result import result_of
from ensemble.testing import scripted
from ensemble.testing.model_server import model_server, says

CHECKOUT: Final = Path(__file__).parents[2]
PAGES: Final = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
EXAMPLES: Final = [
    (page.relative_to(CHECKOUT).as_posix(), number, code)
    for page in PAGES
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    )
]
YES: Final = "**Result**: ship it\n**Confidence**: high\n**Position**: promote"
NO: Final = "**Result**: not yet\n**Confidence**: high\n**Position**: reject"
DISPOSED: Final = "**Dispositions**:\n- V1: rejected, the data leaks\n- V2: accepted"


@pytest.mark.parametrize(
    ("page", "number", "code"), EXAMPLES, ids=[f"{page}-{number}" for page, number, _ in EXAMPLES]
)
def test_every_example_of_the_docs_runs(
    page: str, number: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = compile(code, f"{page}, example {number}", "exec")

    exec(program, {"__name__": "__main__"})  # noqa: S102 - our own documentation

    assert "print(" not in code or capsys.readouterr().out.strip()


def test_the_docs_have_examples_for_scripts_for_async_code_and_for_langgraph() -> None:
    shown = "".join(code for _, _, code in EXAMPLES)

    assert "run_sync(" in shown
    assert "await panel.run(" in shown
    assert ".compile()" in shown


def test_a_langchain_model_holds_every_seat() -> None:
    model = FakeListChatModel(responses=[YES])

    result = Panel("review", models=model, choices=["promote", "reject"]).run_sync("Promote?")

    assert result.position == "promote"
    assert result.reasons == ["3 answers come from 1 model"]
    served = {turn["served"] for turn in result.document["turns"]}
    assert len(served) == 1
    assert str(served.pop()).startswith("langchain-FakeListChatModel")


async def test_each_seat_has_the_model_that_a_mapping_gives_it() -> None:
    models = {
        "panel": scripted(YES),
        "panel[1]": FakeListChatModel(responses=[NO]),
        "chair": scripted(
            f"{NO}\n**Dispositions**:\n- V1: rejected, the data leaks\n- V2: accepted"
        ),
    }

    panel = Panel("panel", models=models, choices=["promote", "reject"])
    result = await panel.run("Promote?")

    took = {turn["key"].split("/")[0]: turn["position"] for turn in result.document["turns"]}
    assert took == {
        "panel[0]": "promote",
        "panel[1]": "reject",
        "panel[2]": "promote",
        "chair": "reject",
    }
    witnesses = result.document["witnesses"]
    assert (witnesses["answered"], witnesses["effective"]) == (3, 2.0)
    assert list(witnesses["clones"].values()) == [["panel[0]", "panel[2]"]]
    assert str(result).startswith("DECIDED: reject\nnot yet")


async def test_a_journal_is_kept_where_a_folder_is_named(tmp_path: Path) -> None:
    panel = Panel("solo", models=scripted(YES))

    result = await panel.run("Promote?", folder=tmp_path / "mine")

    contents = read_events(tmp_path / "mine")
    assert contents.run == "mine"
    assert result.document["journal"] == str(tmp_path / "mine" / "events.jsonl")
    read = result_of("mine", contents.events, journal=result.document["journal"])
    assert read["digest"] == result.document["digest"]


async def test_a_panel_that_a_person_has_to_answer_says_who_can_without_the_command(
    tmp_path: Path,
) -> None:
    panel = Panel("gate", models=scripted(YES), cast={"person": "human"})

    with pytest.raises(Paused) as in_memory:
        await panel.run("Promote?")
    with pytest.raises(Paused) as on_disk:
        await panel.run("Promote?", folder=tmp_path / "mine")
    with pytest.raises(Paused) as invoked:
        await panel.compile().ainvoke({"task": "Promote?"})

    for caught in (in_memory, on_disk, invoked):
        assert "`Panel(…, person=…)`" in caught.value.fix
        assert "ensemble resume" not in str(caught.value)


async def test_the_digest_does_not_depend_on_where_the_journal_lies(tmp_path: Path) -> None:
    panel = Panel("review", models=scripted(YES))

    kept = await panel.run("Promote?", folder=tmp_path / "one")
    in_memory = await panel.run("Promote?")

    assert kept.document["digest"] == in_memory.document["digest"]


async def test_run_sync_inside_a_loop_says_what_to_write_instead() -> None:
    panel = Panel("solo", models=scripted(YES))

    with pytest.raises(UsageError, match="an event loop is running already") as caught:
        panel.run_sync("Promote?")

    assert caught.value.fix == "`await panel.run(…)`"


def test_a_misspelt_graph_is_named_as_the_panel_is_composed() -> None:
    with pytest.raises(InvalidFile, match="no graph is called 'reveiw'") as caught:
        Panel("reveiw")

    assert caught.value.fix == "did you mean 'review'?"


@pytest.mark.parametrize(
    ("choices", "place"),
    [
        (["ship", "ship"], "choices"),
        (["ship", ""], "choices[1]"),
        (["ship it"], "choices[0]"),
        (["x" * 64], "choices[0]"),
        ("ship", "choices"),
    ],
)
def test_choices_that_no_scenario_could_have_are_refused(choices: Any, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        Panel("solo", choices=choices)

    assert caught.value.where == place
    assert "name each once" in caught.value.fix


async def test_a_topology_and_agents_of_ones_own() -> None:
    agents = load_agents()
    edges = (Edge(START, "jury", Role.PANEL_MEMBER), Edge("jury", END))
    jury = [agents["skeptic"], "ml-engineer", agents["data-scientist"]]
    panel = Panel(
        Topology("jury", edges),
        cast={"jury": jury},
        models={"jury[0]": scripted(NO), "jury": scripted(YES)},
        choices=["promote", "reject"],
        rules=Rules("majority"),
    )

    result = await panel.run("Promote?")

    assert result.position == "promote"
    assert [turn["agent"] for turn in result.document["turns"]] == [
        *("skeptic", "ml-engineer", "data-scientist"),
    ]
    assert [item["seat"] for item in result.document["decision"]["minority"]] == ["jury[0]"]


async def test_findings_and_reasons_are_told() -> None:
    finding = {"severity": "CRITICAL", "title": "a leak", "location": "train.py:17"}
    audit = json.dumps({"result": "leaky", "confidence": "high", "findings": [finding]})
    models = {"auditor": scripted(audit), "panel": scripted(YES), "chair": scripted(YES)}

    result = await Panel("review", models=models).run("Promote?")

    assert [item["title"] for item in result.findings] == ["a leak"]
    assert result.authority == "advisory"
    assert result.reasons == [
        "3 answers come from 1 model",
        "CRITICAL findings are open: F1",
        "left without an answer: F1",
    ]


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"cast": {"auditor": "skeptik"}}, InvalidFile, "did you mean 'skeptic'"),
        ({"cast": {"judge": "skeptic"}}, InvalidFile, "has no seat 'judge'"),
        ({"cast": {"panel": "skeptic"}}, InvalidFile, "auditor would audit skeptic"),
        ({"rules": Rules(quorum=4)}, InvalidFile, "the quorum is 4, but 3 vote"),
        ({"graph": Topology("bare", ())}, InvalidFile, "no edge leaves START"),
        ({"models": 3}, UsageError, "a int is no model"),
        ({"models": "opus"}, NoModelLeft, "no ANTHROPIC_API_KEY"),
    ],
)
async def test_a_panel_that_cannot_be_is_refused_with_the_fix(
    changes: dict[str, Any], kind: type[Exception], said: str
) -> None:
    panel = replace(Panel("review", models=scripted(YES)), **changes)

    with pytest.raises(kind, match=said):
        await panel.run("Promote?")


async def test_a_provider_function_is_asked_with_the_seat_it_answers_for() -> None:
    asked: list[str] = []

    async def mine(candidate: Candidate, call: ModelCall) -> Reply:
        asked.append(call.key)
        return Reply(YES, served=f"{candidate.provider}/x")

    result = await Panel("solo", models=mine).run("Promote?")

    assert asked == ["expert/solo#0/model#0"]
    assert result.document["turns"][0]["served"] == "mine/x"


async def test_any_runnable_can_sit_in_a_seat() -> None:
    def counts(messages: list[BaseMessage]) -> str:
        return f"{YES} {len(messages)}"

    def says(_: list[BaseMessage]) -> AIMessage:
        return AIMessage(YES)

    models: dict[str, Any] = {
        "panel[0]": RunnableLambda(counts),
        "panel": RunnableLambda(says),
        "chair": RunnableLambda(says) | StrOutputParser(),
    }

    result = await Panel("panel", models=models).run("Promote?")

    took = {turn["key"].split("/")[0]: turn["position"] for turn in result.document["turns"]}
    assert took == {
        "panel[0]": "promote 3",
        "panel[1]": "promote",
        "panel[2]": "promote",
        "chair": "promote",
    }


async def test_a_runnable_that_says_neither_text_nor_a_message_loses_its_seat() -> None:
    def says(_: list[BaseMessage]) -> dict[str, str]:
        return {"position": "promote"}

    others = {"panel": scripted(YES), "chair": scripted(YES)}
    panel = Panel("panel", models={"panel[0]": RunnableLambda(says), **others})

    result = await panel.run("Promote?")

    lost = result.document["turns"][0]
    assert lost["status"] == "failed"
    assert "returned a dict, neither a message nor text" in lost["problem"]


@pytest.mark.parametrize("models", [["nobody/a", "mine/b"], {"expert": ("nobody/a", "mine/b")}])
async def test_several_names_are_a_chain(models: Any) -> None:
    async with model_server(says(YES, prompt_tokens=5000)) as server:
        settle(f'[providers.mine]\nbase_url = "{server.base_url}"\nform = "text"\n')

        result = await Panel("solo", models=models).run("Promote?")

    (turn,) = result.document["turns"]
    assert (turn["asked"], turn["served"]) == ("nobody/a", "mine/b")


def settle(told: str) -> None:
    """Write the user's settings."""
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text(told)
