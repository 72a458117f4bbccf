"""Topologies as pictures: Mermaid kept as snapshots, SVG read back as XML."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from ensemble.graph.routing import Condition, found, split
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.report.drawing import mermaid, svg
from ensemble.roles import Role

SNAPSHOTS: Final = Path(__file__).parent / "snapshots"
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
CAST: dict[str, Mapping[str, Sequence[str]]] = {
    "solo": {"expert": ["ml-engineer"]},
    "debate": {"panel": ["a", "b", "c", "d", "e", "f", "g"], "chair": ["senior-architect"]},
}


@pytest.mark.parametrize("topology", [SOLO, REVIEW, DEBATE], ids=lambda topology: topology.name)
def test_a_topology_draws_as_the_mermaid_text_that_is_kept(topology: Topology) -> None:
    kept = SNAPSHOTS / f"{topology.name}.mmd"

    drawn = mermaid(topology, CAST.get(topology.name))

    assert drawn == kept.read_text()


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
