"""What calls cost, prompt caches included."""

from ensemble.models.cost import dearest_price_of, price_from, usage_usd
from ensemble.models.provider import Candidate

OPUS = Candidate(
    "opus",
    "anthropic",
    "claude-opus-5-5",
    available=True,
    reason="",
    usd_per_mtok=(4.0, 20.0),
    usd_cached_per_mtok=(0.2, 5.0),
)
USED = {
    "input_tokens": 1_000_000,
    "cached_tokens": 500_000,
    "written_tokens": 200_000,
    "output_tokens": 100_000,
}


def test_what_a_cache_gave_and_took_has_its_own_price() -> None:
    price = price_from(OPUS.usd_per_mtok, OPUS.usd_cached_per_mtok)

    assert usage_usd(price, USED) == 0.3 * 4.0 + 0.5 * 0.2 + 0.2 * 5.0 + 0.1 * 20.0


def test_without_such_a_price_a_token_costs_what_any_does() -> None:
    assert usage_usd(price_from((4.0, 20.0), None), USED) == 4.0 + 2.0
    assert price_from(None, (0.2, 5.0)) is None


def test_a_reservation_counts_all_that_is_sent_as_taken_in_by_a_cache() -> None:
    assert dearest_price_of(OPUS) == (5.0, 20.0)
