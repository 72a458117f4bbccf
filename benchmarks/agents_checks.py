"""Whether checks name what is wrong: slips of the pen in the seed, each with its code and line.

The seed lies beside the checkout; `ENSEMBLE_SEED_AGENT` may name another copy of it.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.process import CHECKOUT
from benchmarks.row import Measure, Options, Row
from benchmarks.seed_mutations import MUTATIONS
from ensemble.agents.library import load_agents
from ensemble.checks.run import check_agents
from ensemble.errors import InvalidFile

SEED: Final = CHECKOUT.parent / "shared" / "seed" / "ml-engineer.md"
_NAMED: Final = "ENSEMBLE_SEED_AGENT"


def mutating(_: Options) -> Iterable[Row]:
    """Count the slips of the pen that are not named with their code at their line."""
    place = Path(os.environ.get(_NAMED) or SEED)
    if not place.is_file():
        fix = f"name the agent file that the project began with in {_NAMED}"
        raise InvalidFile("the seed is not there to be changed", where=str(place), fix=fix)
    seed, beside = place.read_text(), load_agents(CHECKOUT / "agents").agents
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ensemble-slips-") as made:
        path = Path(made) / SEED.name
        for mutation in MUTATIONS:
            text, line = mutation.applied(seed)
            path.write_text(text)
            found = check_agents(load_agents(path), beside=beside)
            if (mutation.code, line) not in {(problem.code, problem.line) for problem in found}:
                missed.append(mutation.name)
    codes = len({mutation.code for mutation in MUTATIONS})
    how = f"of {len(MUTATIONS)} slips in the seed, {codes} codes; {'; '.join(missed) or 'none'}"
    yield Row("mutations_missed", len(missed), "slips", how, goal=0)


MEASURES: Final[tuple[Measure, ...]] = (mutating,)
