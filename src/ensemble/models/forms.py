"""Which form of answer each model holds to, as it was found out, and kept with its date.

One small file in the user's cache folder, by address and model; what was found of another
version of a model says nothing. A file that cannot be read or written costs a probe, nothing
else. Knows what was found, never how: it asks nobody.
"""

import ipaddress
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from ensemble.config import Settings, cache_folder
from ensemble.models.probes import ollama_address
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure

How = Literal["probed", "learned"]
"""Asked on purpose, or in the course of a run that was refused a stronger form."""


@dataclass(frozen=True)
class Found:
    """What was found of one model."""

    form: Form
    how: How
    on: str
    """The day, as `2026-11-24`."""
    version: str = ""
    """The model's digest then; empty where nobody says it."""


class Forms:
    """What was found of the models that some settings lead to."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        """Read and write `file`; None is the one in the user's cache folder."""
        self._settings = settings
        self._file = file or forms_file()

    def of(self, candidate: Candidate, version: str = "") -> Found | None:
        """Return what was found of a candidate; None where nothing was, or of another version."""
        told: dict[str, Any] = self._kept().get(self._place(candidate)) or {}
        try:
            found = Found(Form(told["form"]), told["how"], str(told["on"]), str(told["version"]))
        except (KeyError, TypeError, ValueError):
            return None  # nothing was found, or a file that is not ours says so
        return found if found.version == version else None

    def keep(self, candidate: Candidate, form: Form, how: How, version: str = "") -> None:
        """Keep what was found, beside what others found meanwhile."""
        found = Found(form, how, datetime.now(UTC).date().isoformat(), version)
        kept = {**self._kept(), self._place(candidate): asdict(found)}
        part = self._file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            part.replace(self._file)

    def stated(self, candidate: Candidate) -> str:
        """Return what settles the form without asking anybody; empty where nothing does."""
        own = self._settings.providers.get(candidate.provider)
        if own is not None:
            return "the settings" if own.form else ""
        return "construction" if candidate.provider in _OF_OURS else ""

    def is_free(self, candidate: Candidate) -> bool:
        """Return whether it costs nothing to ask a candidate: it runs here, or is Ollama's."""
        own = self._settings.providers.get(candidate.provider)
        if own is None:
            return candidate.provider == "ollama"
        host = urlsplit(own.base_url).hostname or ""
        with suppress(ValueError):
            return ipaddress.ip_address(host).is_loopback
        return host == "localhost"

    def _place(self, candidate: Candidate) -> str:
        return f"{self._address(candidate.provider)} {candidate.model}"

    def _address(self, provider: str) -> str:
        """Return where a provider is asked: another server of the same name is another place."""
        if own := self._settings.providers.get(provider):
            return own.base_url
        if provider == "ollama":
            with suppress(ValueError):
                return "://".join(ollama_address(os.environ.get("OLLAMA_HOST", "")))
        return provider

    def _kept(self) -> dict[str, Any]:
        try:
            kept: Any = json.loads(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}


def forms_file() -> Path:
    """Return the file that holds what was found."""
    return cache_folder() / "forms.json"


class Lessons:
    """What the calls of a run teach of the forms that models refuse."""

    def __init__(self, forms: Forms | None = None) -> None:
        """Start with nothing learned; what is, is kept in `forms` too."""
        self._forms = forms
        self._refused: dict[tuple[str, str], Form] = {}
        self._learned: dict[tuple[str, str], Form] = {}

    def refuse(self, candidate: Candidate, call: ModelCall) -> None:
        """Raise where a model is known to refuse the form, so that it need not be asked."""
        takes = self._learned.get((candidate.provider, candidate.model))
        if call.schema is None or takes is None or _STRENGTH[takes] >= _STRENGTH[candidate.form]:
            return
        raise ModelFailure(Failure.FORM_CLOSED, f"it refused to be asked by {candidate.form}")

    def doubt(self, candidate: Candidate, call: ModelCall, failure: ModelFailure) -> None:
        """Take a refused request for a refused form, as long as there is a weaker one."""
        if call.schema is not None and failure.kind is Failure.BAD_REQUEST:
            failure.kind = Failure.FORM
        if failure.kind is Failure.FORM:
            self._refused[candidate.provider, candidate.model] = candidate.form

    def took(self, candidate: Candidate) -> None:
        """Learn from an answer: after a refusal, it shows that the form was the reason."""
        place = (candidate.provider, candidate.model)
        refused = self._refused.get(place)
        if refused is None or _STRENGTH[refused] <= _STRENGTH[candidate.form]:
            return
        del self._refused[place]
        self._learned[place] = candidate.form
        if self._forms is not None:
            self._forms.keep(candidate, candidate.form, "learned")


_OF_OURS: Final = ("embedded", "manual", "scripted")
_STRENGTH: Mapping[Form, int] = {form: -place for place, form in enumerate(Form)}
