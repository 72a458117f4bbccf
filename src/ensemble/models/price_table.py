"""What litellm's bundled table says of a route: price, window, and the form of its answers.

The table is read as the file that it is, once and only when our own data is silent; litellm
itself is not imported. Where a price has steps, its highest is given, so that a limit holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast

from ensemble.models.provider import Form
from ensemble.models.registry import Source, model_at

_FILE: Final = "model_prices_and_context_window_backup.json"
_PROVIDERS_FILE: Final = "provider_endpoints_support_backup.json"
_DISCOUNTED: Final = ("_batches", "_flex", "_above_1hr")
"""Ends of the keys of prices for calls that we never make."""
_CACHING: Final = ("read", "creation")
_DEARER: Final = "_priority"


@dataclass(frozen=True)
class Listed:
    """A route's entry."""

    usd_per_mtok: tuple[float, float] | None
    context: int | None
    form: Form
    usd_cached_per_mtok: tuple[float, float] | None = None


def listed(provider: str, model: str) -> Listed | None:
    """Return the entry for a route as we write it; None where the table has none.

    A route of litellm's own already names its vendor: `litellm` and `gemini/…`.
    """
    named = model if provider == "litellm" else f"{provider}/{model}"
    vendor, _, bare = named.partition("/")
    for key in (named, bare):
        entry = _table().get(key)
        if entry and entry.get("mode", "chat") == "chat" and _is_of(entry, key, named, vendor):
            window = entry.get("max_input_tokens")
            return Listed(
                _price(entry),
                window if isinstance(window, int) else None,
                _form(entry),
                usd_cached_per_mtok=_price_cached(entry),
            )
    return None


@cache
def vendors() -> frozenset[str]:
    """Return every provider that the installed litellm knows; none where it is not installed."""
    named = {str(entry.get("litellm_provider", "")) for entry in _table().values()}
    within = {key.partition("/")[0] for key in _table() if "/" in key}
    return frozenset({*named, *within, *_told(_PROVIDERS_FILE).get("providers", {})})


def price_source(provider: str, model: str) -> Source | None:
    """Return where the price of a route comes from; None where it has none."""
    known = model_at(provider, model)
    for route in known.routes if known else ():
        if (route.provider, route.model) == (provider, model) and route.price_from:
            return route.price_from
    entry = listed(provider, model)
    if entry is None or entry.usd_per_mtok is None:
        return None
    return Source(f"the price table in litellm {version('litellm')}", "the day of that release")


def _is_of(entry: Mapping[str, Any], key: str, named: str, vendor: str) -> bool:
    """Return whether an entry found under a bare name belongs to the vendor asked for."""
    return key == named or str(entry.get("litellm_provider", "")).partition("_")[0] == vendor


def _form(entry: Mapping[str, Any]) -> Form:
    if entry.get("supports_response_schema"):
        return Form.SCHEMA
    calls = entry.get("supports_function_calling") and entry.get("supports_tool_choice")
    return Form.TOOL_CALL if calls else Form.TEXT


def _price(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    sent, said = (_dearest(entry, f"{way}_cost_per_token") for way in ("input", "output"))
    return None if sent is None or said is None else (sent, said)


def _price_cached(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the prices of input read from, and written to, a prompt cache."""
    sent = _dearest(entry, "input_cost_per_token")
    read, written = (_dearest(entry, f"cache_{way}_input_token_cost") for way in _CACHING)
    if sent is None or (read is None and written is None):
        return None
    return (sent if read is None else read, sent if written is None else written)


def _dearest(entry: Mapping[str, Any], name: str) -> float | None:
    if not isinstance(entry.get(name), (int, float)):
        return None
    steps = [
        float(value)
        for key, value in entry.items()
        if key.startswith(name)
        and not key.endswith((*_DISCOUNTED, _DEARER))
        and isinstance(value, (int, float))
    ]
    return round(max(steps) * 1e6, 6)


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return _told(_FILE)


def _told(file: str) -> Mapping[str, Any]:
    found = find_spec("litellm")
    for folder in (found.submodule_search_locations or ()) if found else ():
        try:
            told: Any = json.loads((Path(folder) / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(told, dict):
            return cast("dict[str, Any]", told)
    return {}
