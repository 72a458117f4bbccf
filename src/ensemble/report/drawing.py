"""A topology as a picture: Mermaid text, or an SVG that needs nothing else to be looked at.

Roles and conditions stand on the edges, because that is where they belong; of a run, the edges
that it took are thick. Both drawings say the same: `placement` decides where things go in the
SVG and `ink` how they look; Mermaid decides both for itself. Has never heard of models or
journals.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.walk import Walk
from ensemble.report import ink
from ensemble.report.placement import place
from ensemble.report.shapes import Link

MEMBERS_SHOWN: Final = 5


def mermaid(
    topology: Topology,
    members: Mapping[str, Sequence[str]] | None = None,
    *,
    lab: Collection[str] | None = None,
    walk: Walk | None = None,
) -> str:
    """Return the topology as a Mermaid flowchart.

    Args:
        topology: the seats and edges.
        members: who sits where, by agent name; None shows the topology's own cast.
        lab: the seats that may ask the lab; None is all of them.
        walk: the way that a run took; None draws all ways alike.
    """
    seated = _seated(topology, members)
    ids = {name: _mermaid_id(name, number) for number, name in enumerate(topology.seats, 1)}
    ids |= {START: "start", END: "finish"}
    lines = ["flowchart LR", f"    %% {_mermaid_text(topology.name)}", '    start((" "))']
    for seat in topology.seats:
        text = "<br/>".join(_mermaid_text(line) for line in (seat, *_shown(seated[seat])))
        lines.append(f'    {ids[seat]}["{text}"]')
    lines.append('    finish(((" ")))')
    for way in _ways(topology, walk):
        text = "<br/>".join(_mermaid_text(line) for line in way.lines)
        line = "==>" if way.taken else "-->"
        arrow = f'{line}|"{text}"|' if text else line
        lines.append(f"    {ids[way.source]} {arrow} {ids[way.target]}")
    asking = [seat for seat in topology.seats if lab is None or seat in lab]
    if asking:
        lines.append('    lab[("lab, shared")]')
        lines += [f"    {ids[seat]} <-.-> lab" for seat in asking]
    for style, look in _MERMAID_STYLES.items():
        named = [ids[seat] for seat in topology.seats if _style(seat, walk) == style]
        if named:
            lines += [f"    classDef {style} {look}", f"    class {','.join(named)} {style}"]
    return "\n".join(lines) + "\n"


def svg(
    topology: Topology,
    members: Mapping[str, Sequence[str]] | None = None,
    *,
    lab: Collection[str] | None = None,
    walk: Walk | None = None,
) -> str:
    """Return the topology as one SVG document, in light or dark as its reader prefers.

    Args:
        topology: the seats and edges.
        members: who sits where, by agent name; None shows the topology's own cast.
        lab: the seats that may ask the lab; None is all of them.
        walk: the way that a run took; None draws all ways alike.
    """
    seated = _seated(topology, members)
    ways = [replace(way, lines=ink.wrapped(way.lines)) for way in _ways(topology, walk)]
    shown = {seat: _shown(seated[seat]) for seat in topology.seats}
    sizes = {START: ink.DOT, **{seat: ink.seat_size(seat, shown[seat]) for seat in shown}}
    sizes[END] = ink.DOT
    links = [Link(way.source, way.target, ink.label_size(way.lines)) for way in ways]
    placement = place(sizes, links, start=START)
    boxes = placement.boxes
    asking = [seat for seat in topology.seats if lab is None or seat in lab]
    painted = ink.Picture(topology.name)
    if asking:
        painted.lab([boxes[seat] for seat in asking], placement)
    stacked = {seat for seat in seated if len(seated[seat]) > 1}
    routes = [*zip(ways, placement.routes, strict=True)]
    for way, route in sorted(routes, key=lambda one: bool(one[0].taken)):  # a taken one on top
        painted.arrow(route, taken=way.taken, onto_stack=way.target in stacked)
    for way, route in routes:
        painted.label(route.label, way.lines, role=way.role, taken=way.taken)
    for seat in topology.seats:
        style = _style(seat, walk)
        painted.seat(boxes[seat], seat, shown[seat], stacked=seat in stacked, style=style)
    painted.start(boxes[START])
    painted.end(boxes[END])
    return painted.document()


@dataclass(frozen=True)
class _Way:
    """One arrow: an edge to one of its targets."""

    source: str
    target: str
    role: str | None
    lines: tuple[str, ...]
    """The label: the role, then when the edge is taken and how often."""
    taken: bool | None
    """Whether a run took it; None where no run is drawn."""


def _ways(topology: Topology, walk: Walk | None) -> list[_Way]:
    ways: list[_Way] = []
    for number, edge in enumerate(topology.edges):
        tried_after = sum(before.source == edge.source for before in topology.edges[:number])
        terms = _terms(edge, tried_after)
        times = walk.taken.get(number, 0) if walk else 0
        if times > 1:
            terms.append(f"taken {times} times")
        for target in edge.targets:
            role = None if target == END else edge.role
            lines = (*([role] if role else []), *terms)
            ways.append(_Way(edge.source, target, role, lines, bool(times) if walk else None))
    return ways


def _style(seat: str, walk: Walk | None) -> str:
    """Return how a seat is marked: `idle` if a run did not enter it, `lost` if it lost one there.

    The words are classes of both drawings; empty is no mark.
    """
    if walk is None:
        return ""
    if seat in walk.lost:
        return "lost"
    return "" if seat in walk.entered else "idle"


_MERMAID_STYLES: Final = {
    "idle": "stroke-dasharray:4 3,opacity:0.55",
    "lost": "stroke:#d1242f,stroke-width:2px",
}


def _terms(edge: Edge, tried_after: int) -> list[str]:
    """Say when an edge is taken, and how often; `tried_after` edges of its seat go before it."""
    terms: list[str] = []
    if edge.when:
        terms.append(f"{'else if' if tried_after else 'if'} {edge.when.name}")
    elif tried_after:
        terms.append("else")
    if edge.at_most is not None:
        terms.append("at most once" if edge.at_most == 1 else f"at most {edge.at_most} times")
    return terms


def _seated(
    topology: Topology, members: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    given: Mapping[str, str | Sequence[str]] = topology.cast if members is None else members
    seated = {seat: given.get(seat, ()) for seat in topology.seats}
    return {seat: (who,) if isinstance(who, str) else tuple(who) for seat, who in seated.items()}


def _shown(members: Sequence[str]) -> list[str]:
    """Return the lines that name the members: all, or the first and how many more."""
    if len(members) <= MEMBERS_SHOWN:
        return [*members]
    first = MEMBERS_SHOWN - 1
    return [*members[:first], f"and {len(members) - first} more"]


def _mermaid_id(name: str, number: int) -> str:
    """Return an id that is no word of Mermaid's own and cannot meet another."""
    return f"seat_{name}" if re.fullmatch(r"\w+", name, re.ASCII) else f"other_{number}"


def _mermaid_text(text: str) -> str:
    """Return `text` with every character that could be markup written as its number."""
    return "".join(c if c.isalnum() or c in " _-.,/" else f"#{ord(c)};" for c in text)
