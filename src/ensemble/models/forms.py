"""Which form of answer each model holds to, as it was found out, and kept with its date.

One small file in the user's cache folder, by address and model; what was found of another
version of a model says nothing. A file that cannot be read or written costs a probe, nothing
else. Knows what was found, never how: it asks nobody.
"""

import ipaddress
import json
import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from ensemble.config import Settings, cache_folder
from ensemble.models.probes import ollama_address
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure
from ensemble.models.wire import mapping

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
        place, on = self._place(candidate), datetime.now(UTC).date().isoformat()
        with _writing:
            kept = self._kept()
            if how == "learned":  # of the model that was there when the run began
                version = str(mapping(kept.get(place)).get("version", version))
            self._write({**kept, place: asdict(Found(form, how, on, version))})

    def stated(self, candidate: Candidate) -> str:
        """Return what settles the form without asking anybody; empty where nothing does."""
        own = self._settings.providers.get(candidate.provider)
        if own is not None:
            return "the settings" if own.form else ""
        return "construction" if candidate.provider in _OF_OURS else ""

    def is_free(self, candidate: Candidate) -> bool:
        """Return whether it costs nothing to ask a candidate: it runs here, and needs no key.

        Whoever wants a key here may stand before somebody who is paid.
        """
        own = self._settings.providers.get(candidate.provider)
        if own is not None:
            return own.api_key_env is None and "@" not in own.base_url and is_here(own.base_url)
        if candidate.provider != "ollama" or _IN_THE_CLOUD.search(candidate.model):
            return False
        return is_here(self._address("ollama"))

    def _place(self, candidate: Candidate) -> str:
        return f"{self._address(candidate.provider)} {candidate.model}"

    def _address(self, provider: str) -> str:
        """Return where a provider is asked: another server of the same name is another place."""
        if own := self._settings.providers.get(provider):
            where = urlsplit(own.base_url)  # without its login and its query, which may be secrets
            return f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}"
        if provider == "ollama":
            with suppress(ValueError):
                return "://".join(ollama_address(os.environ.get("OLLAMA_HOST", "")))
        return provider

    def _write(self, kept: Mapping[str, Any]) -> None:
        """Replace the file, for the user's eyes only; half of one is never seen."""
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            made, part = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
            try:
                with os.fdopen(made, "w", encoding="utf-8") as file:
                    json.dump(kept, file, indent=1)
                Path(part).replace(self._file)
            except OSError:
                Path(part).unlink(missing_ok=True)

    def _kept(self) -> dict[str, Any]:
        try:
            return mapping(json.loads(self._file.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return {}


def is_here(url: str) -> bool:
    """Return whether a server stands on this host."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def forms_file() -> Path:
    """Return the file that holds what was found."""
    return cache_folder() / "forms.json"


class Lessons:
    """What the calls of a run teach of the forms that models refuse."""

    def __init__(self, forms: Forms | None = None) -> None:
        """Start with nothing learned; what is, is kept in `forms` too."""
        self._forms = forms
        self._refused: dict[tuple[str, str], Form] = {}
        self._doubts: Counter[tuple[str, str, Form]] = Counter()
        self._learned: dict[tuple[str, str], Form] = {}

    def refuse(self, candidate: Candidate, call: ModelCall) -> None:
        """Raise where a model is known to refuse the form, so that it need not be asked."""
        takes = self._learned.get((candidate.provider, candidate.model))
        if call.schema is None or takes is None or _STRENGTH[takes] >= _STRENGTH[candidate.form]:
            return
        raise ModelFailure(Failure.FORM_CLOSED, f"it refused to be asked by {candidate.form}")

    def doubt(self, candidate: Candidate, call: ModelCall, failure: ModelFailure) -> None:
        """Take a refused request for a refused form, as long as there is a weaker one."""
        sure = failure.kind is Failure.FORM or bool(_OF_THE_FORM.search(str(failure)))
        if call.schema is not None and failure.kind is Failure.BAD_REQUEST:
            failure.kind = Failure.FORM
        if failure.kind is Failure.FORM:
            place = (candidate.provider, candidate.model)
            self._refused[place] = candidate.form
            self._doubts[(*place, candidate.form)] += _DOUBTS_TO_LEARN if sure else 1

    def took(self, candidate: Candidate) -> None:
        """Learn from an answer: after a refusal, it shows that the form was the reason.

        One refusal that does not speak of the form may have had another reason.
        """
        place = (candidate.provider, candidate.model)
        refused = self._refused.get(place)
        self._doubts.pop((*place, candidate.form), None)
        if refused is None or _STRENGTH[refused] <= _STRENGTH[candidate.form]:
            return
        del self._refused[place]
        if self._doubts[(*place, refused)] < _DOUBTS_TO_LEARN:
            return
        self._learned[place] = candidate.form
        if self._forms is not None:
            self._forms.keep(candidate, candidate.form, "learned")


_writing: Final = threading.Lock()
_IN_THE_CLOUD: Final = re.compile(r"[:-]cloud$")
"""Tags of models that Ollama passes on to its own servers."""
_DOUBTS_TO_LEARN: Final = 2
_OF_THE_FORM: Final = re.compile(r"schema|format|tool|function|grammar|structured", re.IGNORECASE)
_OF_OURS: Final = ("embedded", "manual", "scripted")
_STRENGTH: Mapping[Form, int] = {form: -place for place, form in enumerate(Form)}
