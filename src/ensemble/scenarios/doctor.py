"""What this machine can do for a run: each point with what was found, and the fix."""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from ensemble.config import Provider as OwnServer
from ensemble.config import cache_folder, load_settings, project_of, settings_file
from ensemble.models.probes import Probes
from ensemble.models.registry import LITELLM_KEYS, SERVERS
from ensemble.models.weights import kept_weights

_PACKAGES: Final = ("langgraph", "litellm", "torch", "ollama", "scikit-learn", "xllamacpp")
_POISONED: Final = frozenset({"1.82.7", "1.82.8", "1.107.0"})

Point = dict[str, Any]


async def diagnose() -> list[Point]:
    """Return every point: `name`, `ok`, `found`, `fix`, and whether it `answers` prompts."""
    probes, settings = Probes(), load_settings()
    missing = probes.embedded_missing(settings.embedded.gguf)
    here = kept_weights() is not None or settings.embedded.gguf is not None
    found = "ready" if here else "the weights are fetched by the first run (93 MB)"
    points = [
        _python(),
        *(_package(name) for name in _PACKAGES),
        _point(
            "embedded model",
            missing is None,
            missing or found,
            "pip install 'ensemble-panels[local]', then `ensemble models fetch`",
            answers=True,
        ),
        await _ollama(probes),
        _keys(probes, own=bool(settings.providers)),
    ]
    points += [await _server(name, own, probes) for name, own in settings.providers.items()]
    return [*points, _writable("runs", project_of().root), _writable("cache", cache_folder())]


def _point(name: str, ok: bool, found: str, fix: str, *, answers: bool = False) -> Point:  # noqa: FBT001 - a row of a table
    return {"name": name, "ok": ok, "found": found, "fix": fix, "answers": answers}


def _python() -> Point:
    told = ".".join(map(str, sys.version_info[:3]))
    return _point("python", sys.version_info >= (3, 11), told, "install Python 3.11 or newer")


def _package(name: str) -> Point:
    try:
        told = version(name)
    except PackageNotFoundError:
        return _point(name, False, "not installed", f"pip install {name}")
    if name == "litellm" and told in _POISONED:
        return _point(
            name, False, f"{told} was a malicious release", "pip install litellm==1.106.2"
        )
    importable = find_spec({"scikit-learn": "sklearn"}.get(name, name)) is not None
    return _point(name, importable, told, f"pip install --force-reinstall {name}")


async def _ollama(probes: Probes) -> Point:
    tags = await probes.ollama_tags()
    found = f"does not answer at {probes.ollama_host}" if tags is None else ", ".join(tags)
    fix = "start `ollama serve`, then `ollama pull llama3.3:70b`"
    return _point("Ollama", bool(tags), found or "no model is pulled", fix, answers=True)


async def _server(name: str, server: OwnServer, probes: Probes) -> Point:
    """Return whether a server of the settings has its key and answers at all."""
    key, fixes = server.api_key_env, list[str]()
    told = "needs no key" if key is None else f"{key} is set"
    if key and not probes.has_key(key):
        told = f"{key} is not set"
        fixes.append(f"set {key}")
    answers = await probes.listing(server) is not None
    if not answers:
        fixes.append(f"start it, or mend `providers.{name}.base_url` in {settings_file()}")
    found = f"{'answers' if answers else 'does not answer'} at {server.base_url}, {told}"
    return _point(f"server {name}", not fixes, found, "; ".join(fixes), answers=True)


def _keys(probes: Probes, *, own: bool) -> Point:
    named = {*LITELLM_KEYS.values(), *(s.key_env for s in SERVERS.values() if s.key_env)}
    held = sorted(name for name in named if probes.has_key(name))
    fix = f"set one of {', '.join(sorted(named)[:6])} …, or name a server in {settings_file()}"
    found = ", ".join(held) or "none is set"
    return _point("keys", bool(held), found, "" if own else fix, answers=True)


def _writable(name: str, folder: Path) -> Point:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    fix = "choose a writable folder" if name == "runs" else "set ENSEMBLE_CACHE"
    return _point(f"{name} folder", os.access(place, os.W_OK), str(folder), fix)
