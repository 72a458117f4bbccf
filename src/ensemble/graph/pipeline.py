"""A pipeline made of the agents' own links: who stands before and after whom in their files.

Made from frontmatter alone; has never heard of scenarios or of the graphs that lie in files.
"""

from collections.abc import Iterable, Mapping

from ensemble.agents.library import Agent
from ensemble.errors import InvalidFile
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.roles import Role


def pipeline_of(agents: Iterable[Agent], *, name: str = "pipeline") -> Topology:
    """Return the pipeline that the agents' `previous_phase` and `next_phase` describe.

    The first phase answers by itself, each later one reviews what stands before it, the last
    decides. Every seat is called after its agent; an agent that is linked to none of the others
    has no part in it.

    Args:
        agents: any agents, in any order.
        name: of the topology.

    Raises:
        InvalidFile: the links make no single line from a first agent to a last.
    """
    after = _links({agent.name: agent for agent in agents})
    line = firsts = sorted(after.keys() - after.values())
    while line[-1:] and line[-1] in after:
        line = [*line, after[line[-1]]]
    if len(firsts) != 1 or len(line) <= len(after):
        raise InvalidFile(
            f"a pipeline begins with one agent, and here begin: {', '.join(firsts) or 'none'}"
            if len(firsts) != 1
            else f"besides {' → '.join(line)} there are agents linked in a circle",
            where=f"pipeline {name!r}",
            fix="link each phase to the next by `next_phase`; leave out agents of other pipelines",
        )
    roles = [Role.SOLO, *[Role.GATE_REVIEWER] * (len(line) - 2), Role.DECISION_MAKER]
    edges = [
        Edge(source, target, role)
        for source, target, role in zip([START, *line], line, roles, strict=False)
    ]
    return Topology(name, (*edges, Edge(line[-1], END)), {agent: agent for agent in line})


def _links(known: Mapping[str, Agent]) -> dict[str, str]:
    """Return each agent's next one; either of the two may say so.

    Raises:
        InvalidFile: two agents lay claim to one place.
    """
    after: dict[str, str] = {}
    before: dict[str, str] = {}
    for name, agent in known.items():
        for one, two in ((agent.spec.previous_phase, name), (name, agent.spec.next_phase)):
            if one is None or two is None or one not in known or two not in known:
                continue
            if after.setdefault(one, two) != two or before.setdefault(two, one) != one:
                told = f"{one} → {after[one]}" if after[one] != two else f"{before[two]} → {two}"
                raise InvalidFile(
                    f"{one} → {two} contradicts {told}",
                    where=agent.path,
                    fix="mend `previous_phase` or `next_phase` of one of them",
                )
    return after
