"""How often one model is asked, how long to wait between, and how many calls go at once.

A wait depends on what the server said and on the call's key alone, so two runs that meet the
same failures wait alike and many calls that fail together do not come back together.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ensemble.config import Settings
from ensemble.models.breaker import OF_PROCESS, Breakers
from ensemble.models.forms import Forms, Lessons, is_here
from ensemble.models.pacing import Pace
from ensemble.models.provider import EMBEDDED, MANUAL, Failure

OF_FORM: Final = (Failure.FORM, Failure.FORM_CLOSED)
"""Failures that the same model may not have in a weaker form."""


@dataclass(frozen=True)
class Policy:
    """How long and how often to ask before the next model's turn comes."""

    tries: Mapping[Failure, int] = field(
        default_factory=lambda: {
            Failure.RATE_LIMIT: 3,
            Failure.OVERLOADED: 3,
            Failure.TRANSPORT: 3,
            Failure.TIMEOUT: 2,
            Failure.FORM: 3,
            Failure.FORM_CLOSED: 3,
        }
    )
    """Attempts at one candidate by how the last one failed; what is not here is not retried.

    After a failure of the form they are made at once, in the next weaker form.
    """
    backoff_s: float = 0.5
    """The first wait; each further one is twice as long, all with jitter."""
    backoff_at_most_s: float = 20.0
    """The longest wait of our own."""
    retry_after_at_most_s: float = 60.0
    """A server that asks for a longer wait is left for the next model."""
    call_s: float = 600.0
    """One whole attempt, streaming included."""
    unhurried: frozenset[str] = frozenset({MANUAL})
    """Providers with deadlines of their own."""
    at_once: Mapping[str, int] = field(default_factory=lambda: {EMBEDDED: 1, "ollama": 4})
    """Calls in flight per provider, over the whole process."""
    at_once_elsewhere: int = 256
    """The same for providers not named."""
    at_once_in_all: int = 4096
    """Calls in flight at all providers together."""
    swapping: frozenset[str] = frozenset({"ollama"})
    """Providers on one host that may have to load another model for another model's call."""
    pace: Mapping[str, Pace] = field(default_factory=dict[str, Pace])
    """Requests and tokens a minute, per provider."""
    breakers: Breakers = OF_PROCESS
    """Who is left alone for a while."""
    counting: frozenset[str] = frozenset({EMBEDDED})
    """Providers that count a prompt with the model's own tokenizer."""
    unbroken: frozenset[str] = frozenset({MANUAL, "scripted"})
    """Providers that no failure says anything about."""
    forms: Lessons = field(default_factory=Lessons)
    """What models refuse to be asked in."""

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """Return the policy with the limits that the user's settings name."""
        usual = cls()
        here = {name for name, at in settings.providers.items() if is_here(at.base_url)}
        own = {name: pace.at_once for name, pace in settings.pace.items() if pace.at_once}
        return cls(
            at_once={**usual.at_once, "embedded": settings.embedded.slots, **own},
            at_once_in_all=settings.at_once or usual.at_once_in_all,
            swapping=usual.swapping | here,
            forms=Lessons(Forms(settings)),
            pace={
                name: Pace(pace.requests_per_minute, pace.tokens_per_minute)
                for name, pace in settings.pace.items()
            },
        )

    def wait_s(self, failure: Failure, tries: int, told_s: float | None, seed: str) -> float | None:
        """Return the seconds until the same model is asked again; None for never.

        Args:
            failure: how the last attempt failed.
            tries: attempts at this model so far.
            told_s: how long the server asks to wait, if it does.
            seed: what the jitter is made from.
        """
        if tries >= self.tries.get(failure, 1):
            return None
        if failure in OF_FORM:
            return 0.0
        if told_s is not None and told_s > self.retry_after_at_most_s:
            return None
        own_s = min(self.backoff_at_most_s, self.backoff_s * 2 ** (tries - 1))
        drawn = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") / 2**32
        return max(own_s * (0.5 + drawn / 2), told_s or 0.0)
