"""What the embedded model computes for a panel, and how well its tokens are estimated.

The figures are the server's own: its counter of prompt tokens, the CPU time of its process,
its tokenizer. A panel of shipped agents is asked twice over one shared input: as it ships, what
is shared first and on one slot; and with the persona first on four slots, as is usual.
"""

import asyncio
import statistics
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.live import own_cache, prefix_factor, shared_length
from benchmarks.process import CHECKOUT
from benchmarks.row import Measure, Options, Row
from benchmarks.texts import CHINESE, CSV, GERMAN
from ensemble.agents.casting import cast
from ensemble.agents.library import load_agents
from ensemble.agents.prompt import PREAMBLE, Briefing, Standing, own_part, shared_part
from ensemble.config import Embedded, Settings
from ensemble.graph.seating import wanted_of
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ask
from ensemble.models.embedded import (
    Lease,
    embedded_chat,
    join_server,
    leave_server,
    prompt_tokens,
    prompt_tokens_computed,
)
from ensemble.models.fit import counted
from ensemble.models.messages import plain
from ensemble.models.policy import Policy
from ensemble.models.probes import Probes
from ensemble.models.provider import ModelCall, Params
from ensemble.models.selection import embedded_candidate
from ensemble.models.wire import close_session
from ensemble.roles import Role

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

PANEL: Final = (
    "ml-engineer",
    "mlops-engineer",
    "data-scientist",
    "security-auditor",
    "test-engineer",
)
SHARED_TOKENS: Final = 1200
ANSWER_TOKENS: Final = 40
USUAL_SLOTS: Final = 4
CHOICES: Final = ("promote", "request-changes", "reject")
UNDER_AT_MOST, OVER_AT_MOST = 5.0, 25.0
GERMAN_UNDER_AT_MOST: Final = 40.0
"""No class of characters tells its long words from others."""

_REVIEWED: Final = "src/ensemble/graph/voting.py"
_FILES: Final = {
    "agents": "agents/*.md",
    "code": "src/ensemble/*/*.py",
    "data": "schemas/*.json",
    "docs": "docs/*.md",
}
_TEXTS: Final = {"german": GERMAN, "chinese": CHINESE, "csv": CSV}
_SHORTEST, _LONGEST = 1_000, 12_000


def estimating(_: Options) -> Iterable[Row]:
    """Compare the estimate of a prompt's tokens with what the model's own tokenizer counts."""
    with tempfile.TemporaryDirectory(prefix="ensemble-embedded-") as made, own_cache(Path(made)):
        lease = join_server(Embedded())
        try:
            for kind, pattern in _FILES.items():
                files = sorted(CHECKOUT.glob(pattern))
                yield from _error(kind, [file.read_text(encoding="utf-8") for file in files], lease)
            for kind, text in _TEXTS.items():
                yield from _error(kind, [text], lease)
        finally:
            _left(lease)


def sharing(_: Options) -> Iterable[Row]:
    """Ask one panel in both orders, and say what either cost the server."""
    ours = _panel(Embedded(), shared_first=True)
    usual = _panel(Embedded(slots=USUAL_SLOTS), shared_first=False)
    own = statistics.median(len(prompt) - shared_length(ours.prompts) for prompt in ours.prompts)
    sizes = f"{shared_length(ours.prompts)} shared and about {own:.0f} own prompt tokens"
    how = f"panel of {len(PANEL)}, {sizes}, at most {ANSWER_TOKENS} tokens out"
    total = sum(map(len, ours.prompts))
    yield Row(
        "shared_computed",
        prefix_factor(ours.prompts, ours.computed),
        "times",
        f"{how}: the server computed {ours.computed} of {total} prompt tokens",
        goal=1.1,
    )
    slots = f"{USUAL_SLOTS} slots, {usual.computed} prompt tokens computed"
    yield Row("persona_first_cpu_s", usual.cpu_s, "CPU-s", f"the server's, persona first, {slots}")
    yield Row("shared_first_cpu_s", ours.cpu_s, "CPU-s", "the server's, shared first, one slot")
    how = "CPU time of the server, beside the same panel with the persona first"
    yield Row("shared_first_cpu", ours.cpu_s / usual.cpu_s, "x usual", how, goal=0.65)


MEASURES: Final[tuple[Measure, ...]] = (estimating, sharing)


@dataclass(frozen=True)
class _Cost:
    cpu_s: float
    computed: int
    prompts: tuple[tuple[int, ...], ...]


def _error(kind: str, texts: Sequence[str], lease: Lease) -> Iterable[Row]:
    """Yield by how much the texts of one kind are counted too low and too high at worst."""
    off: list[float] = []
    texts = [text for text in texts if len(text) > _SHORTEST]
    for text in texts:
        messages = [{"role": "user", "content": text[:_LONGEST]}]
        off.append(100 * (counted(messages) / len(prompt_tokens(lease, messages)) - 1))
    how = f"estimate beside the model's own tokenizer, {len(texts)} texts: {kind}, the worst"
    low, high = max(0.0, -min(off)), max(0.0, *off)
    goal = GERMAN_UNDER_AT_MOST if kind == "german" else UNDER_AT_MOST
    yield Row(f"{kind}_under", low, "% too low", how, goal=goal)
    yield Row(f"{kind}_over", high, "% too high", how, goal=OVER_AT_MOST)


def _panel(settings: Embedded, *, shared_first: bool) -> _Cost:
    import psutil

    with tempfile.TemporaryDirectory(prefix="ensemble-embedded-") as made, own_cache(Path(made)):
        lease = join_server(settings)
        try:
            calls = _calls(lease, shared_first=shared_first)
            server = psutil.Process(lease.pid)
            before, computed = server.cpu_times(), prompt_tokens_computed(settings)
            asyncio.run(_asked(calls, settings))
            after = server.cpu_times()
            return _Cost(
                after.user + after.system - before.user - before.system,
                prompt_tokens_computed(settings) - computed,
                tuple(tuple(prompt_tokens(lease, plain(call.messages))) for call in calls),
            )
        finally:
            _left(lease)


async def _asked(calls: Sequence[ModelCall], settings: Embedded) -> None:
    """Ask all seats side by side, as a run does."""
    policy = Policy.of(Settings(embedded=settings))
    candidate = embedded_candidate(Settings(embedded=settings), Probes())
    providers, journal = {"embedded": embedded_chat(settings)}, Journal("r")
    try:
        await asyncio.gather(
            *(
                ask([candidate], call, recorder=journal, providers=providers, policy=policy)
                for call in calls
            )
        )
    finally:
        await close_session()


def _calls(lease: Lease, *, shared_first: bool) -> list[ModelCall]:
    from langchain_core.messages import HumanMessage, SystemMessage

    agents = load_agents(CHECKOUT / "agents").agents
    briefing = _briefing(lease)
    shared = shared_part(briefing)
    calls: list[ModelCall] = []
    for place, name in enumerate(PANEL):
        casting = cast(agents[name], Role.PANEL_MEMBER, where=name)
        wanted = wanted_of(casting, choices=CHOICES).spared()
        own = own_part(casting, briefing, Standing(("the auditor",)), wanted, ())
        messages: tuple[BaseMessage, ...] = (
            (SystemMessage(PREAMBLE), HumanMessage(shared), HumanMessage(own))
            if shared_first
            else (SystemMessage(f"{own}\n\n{PREAMBLE}"), HumanMessage(shared))
        )
        key = f"panel[{place}]/{Role.PANEL_MEMBER}#0/model#0"
        calls.append(ModelCall(key, messages, params=Params(max_tokens=ANSWER_TOKENS)))
    return calls


def _briefing(lease: Lease) -> Briefing:
    """Return a task with as much of a source file as makes `SHARED_TOKENS` for all seats."""
    lines = (CHECKOUT / _REVIEWED).read_text(encoding="utf-8").splitlines(keepends=True)

    def showing(count: int) -> Briefing:
        files = ((_REVIEWED, "".join(lines[:count])),)
        return Briefing("May this be merged? Say what must change first.", CHOICES, files)

    def tokens(count: int) -> int:
        shared = {"role": "user", "content": shared_part(showing(count))}
        return len(prompt_tokens(lease, [{"role": "system", "content": PREAMBLE}, shared]))

    return showing(bisect_left(range(len(lines)), SHARED_TOKENS, key=tokens))


def _left(lease: Lease) -> None:
    import psutil

    leave_server()
    psutil.wait_procs([psutil.Process(lease.pid)], 30)
