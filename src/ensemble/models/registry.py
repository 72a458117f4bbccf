"""The models that agent files name, where each can be had, how large it is, what it costs.

Data, not code: `MODELS` says for each name its size class and its routes in order of
preference. A name that is not here can still be written as `provider/model`. Prices are only
those of the named source on its date; where there is none the price is unknown, never zero.
"""

from dataclasses import dataclass
from typing import Final

PRICES_FROM: Final = "the price table in litellm 1.106.2"
PRICES_OF: Final = "2026-10-21"

SIZES: Final = ("tiny", "small", "medium", "large")
"""The size classes that an agent's `minimum_tier` names, smallest first."""


@dataclass(frozen=True)
class Server:
    """A hosted OpenAI-compatible server."""

    base_url: str
    key_env: str
    json_schema: bool = False


@dataclass(frozen=True)
class Route:
    """One place where a model can be had."""

    provider: str
    model: str
    key_env: str | None = None
    usd_per_mtok: tuple[float, float] | None = None
    """Input and output price of a million tokens by `PRICES_FROM`; None where unknown."""
    json_schema: bool = False


@dataclass(frozen=True)
class Model:
    """A model by the name that agent files use."""

    size: str
    context: int
    routes: tuple[Route, ...]


SERVERS: Final[dict[str, Server]] = {
    "openrouter": Server("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "deepseek": Server("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "moonshot": Server("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "groq": Server("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together": Server("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
}

LITELLM_KEYS: Final[dict[str, str]] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "cohere": "COHERE_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openai": "OPENAI_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "xai": "XAI_API_KEY",
}
"""Providers that only litellm serves, and the variable that holds each one's key."""


def _anthropic(model: str, usd_per_mtok: tuple[float, float] | None) -> Route:
    return Route(
        "litellm", f"anthropic/{model}", "ANTHROPIC_API_KEY", usd_per_mtok, json_schema=True
    )


def _openrouter(model: str) -> Route:
    return Route("openrouter", model, "OPENROUTER_API_KEY")


def _ollama(tag: str) -> Route:
    return Route("ollama", tag, None, (0.0, 0.0), json_schema=True)


MODELS: Final[dict[str, Model]] = {
    "opus": Model(
        "large",
        200_000,
        (
            _anthropic("claude-opus-5-5", (4.0, 20.0)),
            _openrouter("anthropic/claude-opus-4.5"),
        ),
    ),
    "sonnet": Model(
        "large",
        200_000,
        (
            _anthropic("claude-sonnet-5-5", (2.0, 10.0)),
            _openrouter("anthropic/claude-sonnet-4.5"),
        ),
    ),
    "haiku": Model(
        "medium",
        200_000,
        (
            _anthropic("claude-haiku-5-5", (0.1, 0.5)),
            _openrouter("anthropic/claude-haiku-4.5"),
        ),
    ),
    "DeepSeek-V3": Model(
        "large",
        131_072,
        (
            Route("deepseek", "deepseek-v3.2", "DEEPSEEK_API_KEY", (0.28, 0.4)),
            _openrouter("deepseek/deepseek-chat-v3-0324"),
            _ollama("deepseek-v3:671b"),
        ),
    ),
    "Kimi-K2-Thinking": Model(
        "large",
        262_144,
        (
            Route("moonshot", "kimi-k2-thinking", "MOONSHOT_API_KEY"),
            _openrouter("moonshotai/kimi-k2-thinking"),
        ),
    ),
    "Qwen3-235B-A22B": Model(
        "large",
        131_072,
        (_openrouter("qwen/qwen3-235b-a22b-2507"), _ollama("qwen3:235b")),
    ),
    "Qwen2.5-Coder-32B": Model(
        "medium",
        32_768,
        (_openrouter("qwen/qwen-2.5-coder-32b-instruct"), _ollama("qwen2.5-coder:32b")),
    ),
    "llama3.3:70b": Model(
        "large",
        131_072,
        (_ollama("llama3.3:70b"), _openrouter("meta-llama/llama-3.3-70b-instruct")),
    ),
    "gemma3:27b": Model(
        "medium",
        131_072,
        (_ollama("gemma3:27b"), _openrouter("google/gemma-3-27b-it")),
    ),
    "gemma3:4b": Model("small", 131_072, (_ollama("gemma3:4b"),)),
    "llama3.2:3b": Model("small", 131_072, (_ollama("llama3.2:3b"),)),
    "qwen3:8b": Model("small", 40_960, (_ollama("qwen3:8b"),)),
    "qwen3:32b": Model("medium", 40_960, (_ollama("qwen3:32b"),)),
    "gpt-oss:20b": Model("medium", 131_072, (_ollama("gpt-oss:20b"),)),
    "gpt-oss:120b": Model("large", 131_072, (_ollama("gpt-oss:120b"),)),
}

NEAREST_FIRST: Final = frozenset({"budget", "batch"})
"""Profiles that ask what runs here for nothing before what is rented."""
SMALLEST_FIRST: Final = frozenset({"interactive", "exploration"})
"""Profiles that ask the quicker model first. All others keep the order of the file."""


def model_named(name: str) -> Model | None:
    """Return what is known of a model, whatever case its name is written in."""
    return _BY_LOWER.get(name.lower())


_BY_LOWER: Final = {name.lower(): model for name, model in MODELS.items()}
