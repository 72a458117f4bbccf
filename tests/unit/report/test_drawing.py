"""Topologies as pictures: Mermaid kept as snapshots, SVG read back as XML."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from ensemble.graph.routing import Condition, found, split
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.walk import Walk
from ensemble.report import ink
from ensemble.report.drawing import mermaid, svg
from ensemble.roles import Role
from ensemble.scenarios.graphs import load_topology

SNAPSHOTS: Final = Path(__file__).parent / "snapshots"
GRAPHS: Final = Path(__file__).parents[3] / "graphs"
NAME = "{http://www.w3.org/2000/svg}"

SOLO = Topology("solo", (Edge(START, "expert", Role.SOLO), Edge("expert", END)))
REVIEW = Topology(
    "review",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
    cast={"panel": ("ml-engineer", "data-scientist"), "auditor": "skeptic"},
)
DEBATE = Topology(
    "debate",
    (
        Edge(START, ("panel", "scout"), Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("scout", "auditor", Role.AUDITOR),
        Edge("auditor", "panel", Role.ADVISEE, when=found(), at_most=2),
        Edge("auditor", "breaker", Role.TIEBREAKER, when=split()),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("breaker", "chair", Role.DECISION_MAKER),
        Edge("chair", "chair", Role.SOLO, when=~split(), at_most=1),
        Edge("chair", END),
    ),
)
HOSTILE = Topology(
    'two\nlines %%{init: {"theme": "dark"}}%%',
    (
        Edge(START, "end", '"] --> gone'),
        Edge("end", "a-b", "<script>", when=Condition("`a` | #quot; & \x00]]>", lambda _: True)),
        Edge("a-b", END),
    ),
)
WALK = Walk({0: 1, 1: 2, 2: 1, 3: 2, 5: 1, 8: 1}, frozenset(DEBATE.seats) - {"breaker"},
            frozenset({"panel"}))  # fmt: skip
CAST: dict[str, Mapping[str, Sequence[str]]] = {
    "solo": {"expert": ["ml-engineer"]},
    "debate": {"panel": ["a", "b", "c", "d", "e", "f", "g"], "chair": ["senior-architect"]},
}


@pytest.mark.parametrize("topology", [SOLO, REVIEW, DEBATE], ids=lambda topology: topology.name)
def test_a_topology_draws_as_the_mermaid_text_that_is_kept(topology: Topology) -> None:
    kept = SNAPSHOTS / f"{topology.name}.mmd"

    drawn = mermaid(topology, CAST.get(topology.name))

    assert drawn == kept.read_text()


@pytest.mark.parametrize("name", [path.stem for path in sorted(GRAPHS.glob("*.py"))])
def test_a_graph_of_the_project_draws_as_the_mermaid_text_that_is_kept(name: str) -> None:
    kept = SNAPSHOTS / "graphs" / f"{name}.mmd"

    drawn = mermaid(load_topology(GRAPHS / f"{name}.py"))

    assert drawn == kept.read_text()


def test_a_run_draws_the_way_it_took_as_the_mermaid_text_that_is_kept() -> None:
    members = {"panel": ["a", "b, failed"], "scout": ["c"], "breaker": ["d"]}

    drawn = mermaid(DEBATE, members, lab=["scout"], walk=WALK)

    assert drawn == (SNAPSHOTS / "debate-run.mmd").read_text()


def test_a_run_is_marked_in_the_svg_and_a_graph_by_itself_is_not() -> None:
    plain, run = svg(DEBATE), svg(DEBATE, walk=WALK)

    assert [plain.count(f'class="way {kind}"') for kind in ("taken", "untaken")] == [0, 0]
    assert [run.count(f'class="way {kind}"') for kind in ("taken", "untaken")] == [7, 3]
    assert (plain.count("taken times"), texts_in(run).count("taken 2 times")) == (0, 2)
    assert [run.count(f'class="seat {style}"') for style in ("idle", "lost")] == [1, 1]
    assert len(marks(ET.fromstring(run))) == 2  # noqa: S314 — our own text


def test_a_long_condition_is_broken_between_words_and_never_cut() -> None:
    long = Condition(" and ".join(f"the {n}th thing holds" for n in range(9)), lambda _: True)
    topology = Topology(
        "long", (Edge(START, "a", Role.SOLO), Edge("a", "a", Role.SOLO, when=long, at_most=1))
    )

    texts = texts_in(svg(topology))

    assert f"if {long.name}" in " ".join(texts)
    assert max(len(text) for text in texts) <= ink.LETTERS_A_LINE
    assert "…" not in "".join(texts)


def test_no_name_becomes_markup_in_mermaid() -> None:
    drawn = mermaid(HOSTILE, {"end": ["%%{init: {}}%%", "1. first"]})

    shown = re.findall(r'"(.*?)"', drawn)
    rest = re.sub(r'".*?"', "", drawn)
    assert len(shown) == len([line for line in drawn.splitlines() if '"' in line])
    assert all(re.fullmatch(r"(?:[\w .,/-]|#\d+;|<br/>)*", text) for text in shown)
    assert "%%{" not in rest
    assert "script" not in rest
    assert "gone" not in rest


def test_every_role_and_term_of_an_edge_stands_in_the_svg() -> None:
    texts = texts_in(svg(DEBATE, CAST["debate"]))

    assert texts.count("panel_member") == 2
    assert "advisee" in texts
    assert "if found CRITICAL" in texts
    assert "at most 2 times" in texts
    assert "else if split" in texts
    assert "at most once" in texts
    assert texts.count("else") == 2
    assert {"a", "d", "and 3 more"} <= set(texts)
    assert "e" not in texts


def test_an_svg_is_whole_and_needs_nothing_else() -> None:
    drawn = svg(REVIEW)

    root = ET.fromstring(drawn)  # noqa: S314 — our own text
    referred = re.findall(r"url\(#([^)]*)\)", drawn)
    assert root.tag == f"{NAME}svg"
    assert {referred[0]} == set(referred) == {marker.get("id") for marker in marks(root)}
    assert "prefers-color-scheme:dark" in drawn
    assert drawn.count("http") == 1  # the namespace
    assert "<script" not in drawn


def test_hostile_names_are_text_in_the_svg() -> None:
    texts = texts_in(svg(HOSTILE))

    assert '"] --> gone' in texts
    assert "<script>" in texts
    assert "if `a` | #quot; & \ufffd]]>" in texts


def test_the_cast_of_the_topology_is_shown_where_no_members_are_given() -> None:
    texts = texts_in(svg(REVIEW))

    assert {"ml-engineer", "data-scientist", "skeptic"} <= set(texts)


def test_the_lab_is_joined_to_the_seats_that_may_ask_it() -> None:
    all_seats, one, none = (svg(REVIEW, lab=lab) for lab in (None, ["auditor"], []))

    assert [drawn.count("way dotted") for drawn in (all_seats, one, none)] == [3, 1, 0]
    assert "lab" in texts_in(one)
    assert "lab" not in texts_in(none)
    assert mermaid(REVIEW, lab=["auditor"]).count("<-.->") == 1
    assert "lab" not in mermaid(REVIEW, lab=[])


def test_the_same_topology_is_drawn_the_same_way_again() -> None:
    assert svg(DEBATE) == svg(DEBATE)


def test_two_pictures_in_one_page_keep_their_own_arrow_heads() -> None:
    heads = [{mark.get("id") for mark in marks(ET.fromstring(svg(t)))} for t in (SOLO, REVIEW)]  # noqa: S314 — our own text

    assert heads[0].isdisjoint(heads[1])


def texts_in(drawn: str) -> list[str]:
    root = ET.fromstring(drawn)  # noqa: S314 — our own text
    return [text.text or "" for text in root.iter(f"{NAME}text")]


def marks(root: ET.Element) -> list[ET.Element]:
    return list(root.iter(f"{NAME}marker"))
