"""Where the boxes, labels and ways of a drawing go; how they look is not known here.

Layers from left to right by the longest path. A label is placed like a box of its own, in a
column between two columns of boxes, so that it never lies on one; a way bends only in the gaps
between columns. Ways that lead back are left to `lanes`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Final, cast

from ensemble.report.lanes import lanes
from ensemble.report.shapes import Box, Link, Point, Route, Size

if TYPE_CHECKING:
    from networkx import DiGraph

BETWEEN_COLUMNS: Final = 34.0
BETWEEN_BOXES: Final = 30.0
BETWEEN_LINES: Final = 16.0
SWEEPS: Final = 8


@dataclass(frozen=True)
class Placement:
    """Every box and every way of a drawing."""

    boxes: Mapping[str, Box]
    routes: tuple[Route, ...]
    """One per link, in the order of the links."""
    bottom: float
    """Below every box and lane."""


def place(sizes: Mapping[str, Size], links: Sequence[Link], *, start: str) -> Placement:
    """Place boxes of the given `sizes`, joined by `links`.

    Args:
        sizes: the boxes by name, in the order in which they should stand where nothing else
            decides.
        links: the ways between them.
        start: the box from which the others are reached; it stands leftmost.
    """
    graph, back = _without_loops(sizes, links, start)
    chains = _chains(_ranks(graph), links, back)
    ranks = _ordered(sizes, chains, _ranks(graph))
    extents = _extents(sizes, links, chains)
    y = _heights(ranks, chains, extents)
    columns = _columns(ranks, extents)
    boxes = {
        name: Box(columns[name].x, y[name], size.width, size.height) for name, size in sizes.items()
    }
    forward = {
        number: _forward(chain, boxes, y, columns, links[number].label)
        for number, chain in chains.items()
    }
    placed = [*boxes.values(), *(route.label for route in forward.values())]
    floor = max(box.bottom for box in placed)
    backward, bottom = lanes({n: links[n] for n in back}, boxes, floor)
    routes = tuple({**forward, **backward}[number] for number in range(len(links)))
    return Placement(boxes, routes, bottom)


@dataclass(frozen=True)
class _Stop:
    """A place between two boxes where a way passes through a column."""

    link: int
    rank: int


_Node = str | _Stop
_Chains = Mapping[int, Sequence[_Node]]
"""Per link that leads on: its source, every stop, its target."""


def _without_loops(
    sizes: Mapping[str, Size], links: Sequence[Link], start: str
) -> tuple["DiGraph[str]", list[int]]:
    """Return the graph of the links that lead on, and the numbers of those that lead back.

    A link leads back where the links before it already lead from its target to its source:
    whoever writes a topology down writes the way on first.
    """
    import networkx as nx

    graph: DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sizes)
    back: list[int] = []
    for number, link in enumerate(links):
        if nx.has_path(graph, link.target, link.source):
            back.append(number)
        else:
            graph.add_edge(link.source, link.target)
    for name in sizes:  # what nothing leads to still stands right of the start
        if not nx.has_path(graph, start, name) and not nx.has_path(graph, name, start):
            graph.add_edge(start, name)
    return graph, back


def _ranks(graph: "DiGraph[str]") -> dict[str, int]:
    """Return the column of each box: even numbers, so that labels have the odd ones."""
    import networkx as nx

    layers = cast("Iterable[list[str]]", nx.topological_generations(graph))
    return {name: 2 * number for number, layer in enumerate(layers) for name in layer}


def _chains(ranks: Mapping[str, int], links: Sequence[Link], back: Sequence[int]) -> _Chains:
    return {
        number: [
            link.source,
            *(_Stop(number, r) for r in range(ranks[link.source] + 1, ranks[link.target])),
            link.target,
        ]
        for number, link in enumerate(links)
        if number not in back
    }


def _ordered(
    sizes: Mapping[str, Size], chains: _Chains, rank_of: Mapping[str, int]
) -> list[list[_Node]]:
    """Return the columns, each from top to bottom, with few crossings."""
    ranks: list[list[_Node]] = [[] for _ in range(max(rank_of.values()) + 1)]
    for name in sizes:
        ranks[rank_of[name]].append(name)
    for chain in chains.values():
        for stop in chain[1:-1]:
            ranks[cast("_Stop", stop).rank].append(stop)
    before, after = _neighbours(chains)
    for sweep in range(SWEEPS):
        onward = sweep % 2 == 0
        near = before if onward else after
        place_of: dict[_Node, float] = {}
        for rank in ranks if onward else reversed(ranks):
            own = {node: (n + 0.5) / len(rank) for n, node in enumerate(rank)}
            wanted = {
                node: fmean([place_of[other] for other in near.get(node, [])] or [own[node]])
                for node in rank
            }
            rank.sort(key=wanted.__getitem__)
            place_of |= {node: (n + 0.5) / len(rank) for n, node in enumerate(rank)}
    return ranks


def _neighbours(chains: _Chains) -> tuple[dict[_Node, list[_Node]], dict[_Node, list[_Node]]]:
    before: dict[_Node, list[_Node]] = {}
    after: dict[_Node, list[_Node]] = {}
    for chain in chains.values():
        for one, two in pairwise(chain):
            after.setdefault(one, []).append(two)
            before.setdefault(two, []).append(one)
    return before, after


def _extents(
    sizes: Mapping[str, Size], links: Sequence[Link], chains: _Chains
) -> dict[_Node, Size]:
    """Return how much room each node takes: a label stands at the last stop before its target."""
    extents: dict[_Node, Size] = {**sizes}
    for number, chain in chains.items():
        for stop in chain[1:-1]:
            extents[stop] = Size(0, 0)
        extents[chain[-2]] = links[number].label
    return extents


def _heights(
    ranks: Sequence[Sequence[_Node]], chains: _Chains, extents: Mapping[_Node, Size]
) -> dict[_Node, float]:
    """Return the y of every node: as level with its neighbours as the room allows."""
    before, after = _neighbours(chains)
    y: dict[_Node, float] = {}
    for rank in ranks:
        y |= dict(zip(rank, _settled(rank, [0.0] * len(rank), extents), strict=True))
    for sweep in range(SWEEPS):
        onward = sweep % 2 == 0
        near = before if onward else after
        for rank in ranks if onward else reversed(ranks):
            wanted = [fmean([y[other] for other in near.get(node, [node])]) for node in rank]
            y |= dict(zip(rank, _settled(rank, wanted, extents), strict=True))
    return y


def _settled(
    rank: Sequence[_Node], wanted: Sequence[float], extents: Mapping[_Node, Size]
) -> list[float]:
    """Return the heights nearest to `wanted` (least squares) at which nothing overlaps.

    Source: the pool-adjacent-violators algorithm for isotonic regression.
    """
    offsets = [0.0] if rank else []
    for one, two in pairwise(rank):
        lines = isinstance(one, _Stop) or isinstance(two, _Stop)
        gap = BETWEEN_LINES if lines else BETWEEN_BOXES
        offsets.append(offsets[-1] + (extents[one].height + extents[two].height) / 2 + gap)
    pools: list[list[float]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        pools.append([want - offset])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    levels = [fmean(pool) for pool in pools for _ in pool]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _columns(ranks: Sequence[Sequence[_Node]], extents: Mapping[_Node, Size]) -> dict[_Node, Box]:
    """Return the column of each node, as a box without height."""
    columns: dict[_Node, Box] = {}
    right = 0.0
    for rank in ranks:
        width = max([extents[node].width for node in rank], default=0.0)
        columns |= dict.fromkeys(rank, Box(right + width / 2, 0, width, 0))
        right += width + BETWEEN_COLUMNS
    return columns


def _forward(
    chain: Sequence[_Node],
    boxes: Mapping[str, Box],
    y: Mapping[_Node, float],
    columns: Mapping[_Node, Box],
    label: Size,
) -> Route:
    """Return the way along `chain`: level through each column, bent between columns."""
    source, target = boxes[cast("str", chain[0])], boxes[cast("str", chain[-1])]
    points: list[Point] = []
    for node in chain:
        points += [(columns[node].left, y[node]), (columns[node].right, y[node])]
    points[0] = (source.right, source.y)
    points[-1] = (target.left, target.y)
    middle = Box(columns[chain[-2]].x, y[chain[-2]], label.width, label.height)
    return Route(tuple(points), middle, back=False)
