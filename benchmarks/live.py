"""One live run on the embedded model, watched from outside.

The server is joined before the run starts, so that it is still there afterwards and can be
asked what it did: its CPU time, the prompt tokens it computed, the tokens of each prompt.
"""

import json
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from benchmarks.process import ENSEMBLE, Ended, environment, watched
from ensemble.config import Embedded
from ensemble.errors import EnsembleError
from ensemble.journal.file import read_events
from ensemble.models.embedded import (
    Lease,
    join_server,
    leave_server,
    prompt_tokens,
    prompt_tokens_computed,
)
from ensemble.models.weights import fetch_weights


@dataclass(frozen=True)
class LiveRun:
    """What was seen of one run."""

    ended: Ended
    server_cpu_s: float
    """CPU seconds of the model's server, from its start."""
    tokens_computed: int
    """Prompt tokens that the server computed, by its own counter."""
    prompts: tuple[tuple[int, ...], ...]
    """The tokens of every prompt, in the order in which they were asked."""

    @property
    def calls(self) -> int:
        """How often the model was asked."""
        return len(self.prompts)

    @property
    def shared_tokens(self) -> int:
        """How many tokens all prompts begin with."""
        return shared_length(self.prompts)


def live_run(project: Path, scenario: str, *, cache: Path) -> LiveRun:
    """Run `scenario` in `project` on an embedded model of its own.

    Raises:
        EnsembleError: the run did not end well, or the tokens do not add up.
    """
    import psutil

    settings = Embedded()
    with own_cache(cache):
        lease = join_server(settings)
        server = psutil.Process(lease.pid)
        try:
            command = [*ENSEMBLE, "run", scenario, "--model", "embedded", "--json"]
            ended = watched(command, cwd=project, env=environment()).require()
            used = server.cpu_times()
            computed = prompt_tokens_computed(settings)
            journal = Path(json.loads(ended.out)["journal"])
            prompts = tuple(_prompts(lease, project / journal))
        finally:
            leave_server()
            server.wait(30)
    return LiveRun(ended, used.user + used.system, computed, prompts)


def prefix_factor(prompts: Sequence[Sequence[int]], computed: int) -> float:
    """Return how often what all prompts share was computed in all.

    Args:
        prompts: the tokens of every prompt that was asked.
        computed: how many prompt tokens were computed for all of them together.

    Returns:
        1 where the shared part was computed once and the rest of each prompt once; the number
        of prompts where nothing was computed only once.
    """
    shared = shared_length(prompts)
    own = sum(len(prompt) - shared for prompt in prompts)
    return (computed - own) / shared


def shared_length(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all prompts begin with."""
    abreast = zip(*prompts, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, abreast))


def _prompts(lease: Lease, journal: Path) -> Iterator[tuple[int, ...]]:
    """Yield the tokens of each prompt, as the server itself cuts them."""
    events = read_events(journal.parent).events
    told: dict[tuple[str, str], int] = {
        (event.key, event.attempt): event.body["usage"]["input_tokens"]
        for event in events
        if event.event == "model_replied"
    }
    for event in events:
        if event.event != "model_asked":
            continue
        messages = event.body["request"]["messages"]
        tokens = tuple(prompt_tokens(lease, messages))
        if told.get((event.key, event.attempt), len(tokens)) != len(tokens):
            raise EnsembleError(
                f"the server counted other tokens than the {len(tokens)} of the recorded prompt",
                where=f"{journal}: {event.key}",
                fix="see whether the prompt is still built from `messages` alone",
            )
        yield tokens


@contextmanager
def own_cache(cache: Path) -> Generator[None]:
    """Use a cache folder of one's own that has the weights in it already."""
    weights = fetch_weights()
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / weights.name).symlink_to(weights)
    before = os.environ.get("ENSEMBLE_CACHE")
    os.environ["ENSEMBLE_CACHE"] = str(cache)
    try:
        yield
    finally:
        if before is None:
            del os.environ["ENSEMBLE_CACHE"]
        else:
            os.environ["ENSEMBLE_CACHE"] = before
