"""What is there to be asked, here and now: keys, Ollama, the embedded engine and its weights.

Each probe is made once per process. A replay makes none: it reads what the recorded run found.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from ensemble.config import Provider as OwnServer
from ensemble.config import offline
from ensemble.models.weights import kept_weights

_ANSWERS_WITHIN_S: Final = 1.0
_OLLAMA_PORT: Final = 11434
_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - so told to listen, it is asked at home
_OK: Final = 200
_VERSION: Final = {"anthropic-version": "2023-06-01"}
_WINDOWS: Final = ("max_model_len", "context_length", "context_window", "max_input_tokens")
"""What vLLM, OpenRouter and Together, Groq, and Anthropic call the window of a model."""

Listing = dict[str, int | None]
"""The models that a server lists, and the window of each where it tells one."""


class Probes:
    """Probes of one process, each made at most once."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._tags: tuple[str, ...] | None = None
        self._digests: Mapping[str, str] = {}
        self._asked_ollama = False
        self._listings: dict[OwnServer, Listing | None] = {}
        self._importable: dict[str, bool] = {}

    def has_key(self, variable: str) -> bool:
        """Return whether the environment holds a key under this name."""
        return bool(self._environment.get(variable, "").strip())

    def can_import(self, package: str) -> bool:
        """Return whether a package is installed, without importing it."""
        if package not in self._importable:
            self._importable[package] = find_spec(package) is not None
        return self._importable[package]

    async def missing(self, provider: str, model: str) -> str | None:
        """Return why `provider` lacks `model`; None where it has it, or only a call can tell."""
        return await self.ollama_missing(model) if provider == "ollama" else None

    @property
    def ollama_host(self) -> str:
        """Host and port at which Ollama is asked, by `OLLAMA_HOST`; its own text if it is none."""
        address = self._ollama_address()
        return address[1] if address else self._environment.get("OLLAMA_HOST", "")

    @property
    def ollama_host_fault(self) -> str | None:
        """What is wrong with `OLLAMA_HOST`; None where it is an address."""
        if self._ollama_address() is not None:
            return None
        return f"OLLAMA_HOST is no host:port: {self.ollama_host!r}"

    async def ollama_tags(self) -> tuple[str, ...] | None:
        """Return the tags that Ollama has pulled; None where it does not answer in a second."""
        if not self._asked_ollama:
            if address := self._ollama_address():
                pulled = await _tags(f"{address[0]}://{address[1]}/api/tags")
                self._tags = None if pulled is None else tuple(pulled)
                self._digests = pulled or {}
            self._asked_ollama = True
        return self._tags

    async def ollama_missing(self, tag: str) -> str | None:
        """Return why Ollama cannot serve `tag`; None where it can."""
        if fault := self.ollama_host_fault:
            return fault
        tags = await self.ollama_tags()
        if tags is None:
            return f"Ollama does not answer at {self.ollama_host}"
        if tag in tags or f"{tag}:latest" in tags:
            return None
        return f"not pulled: ollama pull {tag}"

    async def listing(self, server: OwnServer) -> "Listing | None":
        """Return what a server of the settings lists; None where nothing answers in a second."""
        if server not in self._listings:
            key = self._environment.get(server.api_key_env or "", "").strip()
            self._listings[server] = await _listing(server, key)
        return self._listings[server]

    async def window(self, server: OwnServer, model: str) -> int | None:
        """Return the window that a server of the settings tells of a model; None for none."""
        listing = await self.listing(server)
        return listing.get(model) if listing else None

    async def version(self, provider: str, model: str) -> str:
        """Return which version of a model is there; empty where only Ollama's would say."""
        if provider != "ollama":
            return ""
        await self.ollama_tags()
        return self._digests.get(model) or self._digests.get(f"{model}:latest", "")

    def embedded_missing(self, gguf: Path | None) -> str | None:
        """Return why the embedded model cannot answer; None where it can."""
        if not self.can_import("xllamacpp"):
            return "no embedded engine: pip install 'ensemble-panels[local]'"
        if gguf is not None:
            return None if gguf.is_file() else f"there are no weights at {gguf}"
        if kept_weights() is None and offline():
            return "no embedded weights, and ENSEMBLE_OFFLINE forbids to fetch them"
        return None

    def _ollama_address(self) -> tuple[str, str] | None:
        try:
            return ollama_address(self._environment.get("OLLAMA_HOST", ""))
        except ValueError:
            return None


def ollama_address(named: str) -> tuple[str, str]:
    """Return scheme and `host:port` for a value of `OLLAMA_HOST`, read as Ollama reads it.

    Raises:
        ValueError: it is neither a host nor a URL of one.
    """
    scheme, found, rest = named.strip().rpartition("://")
    parts = urlsplit(f"//{rest}")
    host = parts.hostname or "127.0.0.1"
    if host in _EVERYWHERE:
        host = "127.0.0.1"
    default = {"http": 80, "https": 443}.get(scheme, _OLLAMA_PORT) if found else _OLLAMA_PORT
    shown = f"[{host}]" if ":" in host else host
    return scheme or "http", f"{shown}:{parts.port or default}"


async def _tags(url: str) -> dict[str, str] | None:
    """Return each pulled tag and its digest; None where nobody answers so."""
    answered = await _get(url)
    if answered is None or answered.status != _OK:
        return None
    try:
        return {str(model["name"]): _digest(model) for model in answered.told["models"]}
    except (KeyError, TypeError):
        return None


async def _listing(server: OwnServer, key: str) -> "Listing | None":
    """Return a server's models with their windows; None where nobody answers."""
    named = {"x-api-key": key} if server.api == "anthropic" else {"Authorization": f"Bearer {key}"}
    headers = (named if key else {}) | _VERSION
    answered = await _get(f"{server.base_url.rstrip('/')}/models", headers)
    if answered is None:
        return None
    try:
        return {str(model["id"]): _window(model) for model in answered.told["data"]}
    except (AttributeError, KeyError, TypeError):
        return {}


def _window(model: Any) -> int | None:
    """Return the window that a server was started with; the one a model was trained for is none."""
    told: list[Any] = [model.get(name) for name in _WINDOWS]
    meta: Any = model.get("meta") or {}
    told.append(meta.get("n_ctx"))  # llama.cpp's
    return next((n for n in told if isinstance(n, int) and n > 0), None)


class _Answered(NamedTuple):
    status: int
    told: Any
    """None where it is no JSON."""


async def _get(url: str, headers: Mapping[str, str] | None = None) -> _Answered | None:
    """Return what a server answers; None where nobody does, in a second."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_ANSWERS_WITHIN_S)
    try:
        # A session of its own: the probe may run in another loop than the run.
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            try:
                return _Answered(answer.status, await answer.json(content_type=None))
            except ValueError:
                return _Answered(answer.status, None)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def _digest(model: Any) -> str:
    return str(model["digest"]) if "digest" in model else ""
