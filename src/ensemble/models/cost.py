"""What calls take: tokens estimated before they are told, money from price and tokens."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ensemble.models.provider import Candidate

BYTES_PER_TOKEN: Final = 3.6
"""About what one token holds in English and code."""

Price = tuple[float, float]
"""USD for a million input and a million output tokens."""


def text_tokens(text: str) -> int:
    """Return about how many tokens a text is, from its bytes alone."""
    return round(len(text.encode()) / BYTES_PER_TOKEN)


def cost_usd(price: Price | None, sent: int, said: int) -> float | None:
    """Return what a call costs; None where the price is not known."""
    if price is None:
        return None
    return (sent * price[0] + said * price[1]) / 1e6


def prices(chains: "Mapping[str, Sequence[Candidate]]") -> "dict[str, Price]":
    """Return the known prices of all candidates, by `provider/model`."""
    return {
        f"{candidate.provider}/{candidate.model}": candidate.usd_per_mtok
        for chain in chains.values()
        for candidate in chain
        if candidate.usd_per_mtok is not None
    }
