"""What calls cost: money from price and tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ensemble.models.provider import Candidate

Price = tuple[float, float] | tuple[float, float, float, float]
"""USD for a million input and output tokens, and for input tokens read from, and written to, a
prompt cache where these have prices of their own."""
_UNPRICED: Final = (
    "its price is not known and `limits.usd` is set: give `usd_per_mtok` to a server of the "
    "settings, or set `limits.unpriced: allow`"
)


def cost_usd(
    price: Price | None, sent: int, said: int, *, read: int = 0, written: int = 0
) -> float | None:
    """Return what a call costs; None where the price is not known.

    Args:
        price: of its model.
        sent: all input tokens.
        said: output tokens.
        read: how many of those sent came out of a prompt cache.
        written: how many of those sent a prompt cache took in.
    """
    if price is None:
        return None
    fresh_at, said_at, *cached_at = price
    read_at, written_at = cached_at or (fresh_at, fresh_at)
    fresh = sent - read - written
    return (fresh * fresh_at + read * read_at + written * written_at + said * said_at) / 1e6


def usage_usd(price: Price | None, usage: Mapping[str, Any]) -> float | None:
    """Return what a call costs that used so many tokens; None where its price is not known."""
    sent, said, read, written = (
        int(usage.get(f"{name}_tokens") or 0) for name in ("input", "output", "cached", "written")
    )
    return cost_usd(price, sent, said, read=read, written=written)


def price_from(usd: Sequence[float] | None, cached: Sequence[float] | None) -> Price | None:
    """Return a price from its parts as they are written down; None where it is not known.

    Args:
        usd: of input and output tokens.
        cached: of input tokens read from and written to a cache; None where they are like any.
    """
    if usd is None:
        return None
    sent, said = usd
    if cached is None:
        return sent, said
    read, written = cached
    return sent, said, read, written


def dearest_price_of(candidate: Candidate) -> Price | None:
    """Return a candidate's price where a prompt cache takes in all that is sent."""
    if candidate.usd_per_mtok is None:
        return None
    sent, said = candidate.usd_per_mtok
    return (max(sent, *(candidate.usd_cached_per_mtok or (sent,))), said)


def without_unpriced(chain: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return a chain for a run that money limits: whom nobody can price cannot be asked."""
    return tuple(
        replace(candidate, available=False, reason=_UNPRICED)
        if candidate.available and candidate.usd_per_mtok is None
        else candidate
        for candidate in chain
    )


def prices(chains: "Mapping[str, Sequence[Candidate]]") -> "dict[str, Price]":
    """Return the known prices of all candidates, by `provider/model`."""
    return {
        f"{candidate.provider}/{candidate.model}": price
        for chain in chains.values()
        for candidate in chain
        if (price := price_from(candidate.usd_per_mtok, candidate.usd_cached_per_mtok))
    }
