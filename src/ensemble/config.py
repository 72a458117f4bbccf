"""Where things lie: the user's folders, the project's folders, the user's settings.

A project's own `agents/` and `graphs/` win over the library that ships with the package.
Settings come from the user's own file only, never from a project: a folder under review
must not be able to say where prompts are sent.
"""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError
from pydantic_core import ErrorDetails

from ensemble.errors import InvalidFile, closest, raise_all

RUNS_FOLDER = Path(".ensemble") / "runs"


class Provider(BaseModel):
    """A server that the user names in the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    base_url: str = Field(pattern=r"^https?://[^/\s]+")
    """Up to and without `/chat/completions`, or `/messages`."""
    api: Literal["openai", "anthropic"] = "openai"
    """What it speaks: OpenAI's chat completions, or Anthropic's messages."""
    api_key_env: str | None = None
    """The environment variable that holds the key; None sends none."""
    form: Literal["schema", "tool_call", "text"] | None = None
    """How it is asked for answers of fixed fields; left out, that is found out."""
    context: int | None = Field(default=None, ge=512)
    """Tokens of context of its models; left out, what the server itself tells under `/models`."""
    usd_per_mtok: tuple[NonNegativeFloat, NonNegativeFloat] | None = None
    """USD for a million input and output tokens; `[0, 0]` is free, left out is not known."""


class Embedded(BaseModel):
    """The local model that answers where nothing better is available."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    gguf: Path | None = None
    """A better model's weights. None is SmolLM2-135M-Instruct."""
    threads: int = Field(default=2, ge=1, le=256)
    """CPU threads of the server."""
    context: int = Field(default=8192, ge=512)
    """Tokens of context, each slot's own."""
    slots: int = Field(default=1, ge=1, le=64)
    """Calls computed side by side. Slots share nothing: each computes a shared prompt again."""
    brief: bool | None = None
    """Short answers without tool rounds. None: yes for the built-in weights, else no."""


class Models(BaseModel):
    """Who may be asked beside the models that a file wishes for."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    unasked: bool = True
    """Where no wish is available, go on with the known models, in the order of the profile."""
    also: tuple[str, ...] = ()
    """Asked after those, in this order."""
    embedded: bool = True
    """Whether the embedded model may answer last, unasked."""
    cache: bool = False
    """Whether what was asked before is answered from the replies kept of earlier runs."""
    cache_mib: int = Field(default=256, ge=1)
    """MiB that the kept replies may take; what was not used for longest goes first."""


class Pace(BaseModel):
    """How much may be asked of one provider; what is left out has no limit of the user's."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    at_once: int | None = Field(default=None, ge=1)
    """Calls in flight."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Calls begun within any minute."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Tokens sent, as estimated, and allowed as answers, within any minute."""


class Settings(BaseModel):
    """The user's settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    providers: dict[str, Provider] = {}
    """Servers by name; `NAME/model` is then a candidate of any chain."""
    models: Models = Models()
    """Models to ask beside those wished for."""
    embedded: Embedded = Embedded()
    """The embedded model."""
    tracing: bool = False
    """Whether LangSmith's environment variables may send prompts out of this machine."""
    aliases: dict[str, str] = {}
    """Model names remapped: what a file asks for, to the route that serves it."""
    at_once: int | None = Field(default=None, ge=1)
    """Model calls in flight at all providers together."""
    pace: dict[str, Pace] = {}
    """Limits per provider: `litellm`, `ollama`, or a server by its name."""


@dataclass(frozen=True)
class Project:
    """A folder that holds agents, graphs and scenarios, and the runs made in it."""

    root: Path

    @property
    def runs(self) -> Path:
        """Where journals of live runs are kept."""
        return self.root / RUNS_FOLDER

    @property
    def lab(self) -> Path:
        """Where the lab keeps its answers."""
        return self.root / ".ensemble" / "lab"

    def folders(self, kind: str) -> list[Path]:
        """Return the folders that hold `kind` ("agents" or "graphs"), the winning one first."""
        found = [self.root / kind, library_folder() / kind]
        return [folder for folder in dict.fromkeys(found) if folder.is_dir()]


def project_of(path: Path | None = None) -> Project:
    """Return the project that holds `path`: the nearest folder above with its marks.

    A mark is `agents/`, `scenarios/` or `.ensemble/runs`. Without one it is the working folder.
    """
    start = (path or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if any((folder / mark).is_dir() for mark in ("agents", "scenarios", RUNS_FOLDER)):
            return Project(folder)
    return Project(Path.cwd())


@cache
def library_folder() -> Path:
    """Return the folder of the built-in agents and graphs: in the wheel, or the checkout."""
    packaged = Path(__file__).parent / "_library"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def cache_folder() -> Path:
    """Return the user's cache folder for weights and the embedded server's state."""
    from platformdirs import user_cache_path

    named = os.environ.get("ENSEMBLE_CACHE")
    return Path(named) if named else user_cache_path("ensemble")


def settings_file() -> Path:
    """Return the path of the user's settings file, which need not exist."""
    from platformdirs import user_config_path

    named = os.environ.get("ENSEMBLE_CONFIG")
    return Path(named) if named else user_config_path("ensemble") / "config.toml"


def offline() -> bool:
    """Return whether the user forbade every download."""
    return os.environ.get("ENSEMBLE_OFFLINE", "") not in ("", "0")


def load_settings() -> Settings:
    """Read the user's settings; defaults where there is no file.

    Raises:
        InvalidFile: ENSEMBLE_CONFIG names no file, or the file is no UTF-8, no TOML, or has a
            key or value that does not fit (`Faults` for several).
    """
    path = settings_file()
    named = bool(os.environ.get("ENSEMBLE_CONFIG"))
    if not named and not path.is_file():
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        fix = "name a file in ENSEMBLE_CONFIG, or unset it" if named else "make it readable"
        problem = f"the settings cannot be read: {error.strerror}"
        raise InvalidFile(problem, where=str(path), fix=fix) from error
    except ValidationError as error:
        raise_all([_fault(details, path) for details in error.errors()])
        raise
    except ValueError as error:  # no TOML, no UTF-8
        problem = f"this is not TOML: {error}"
        raise InvalidFile(problem, where=str(path), fix="mend it there") from error


def _fault(details: ErrorDetails, path: Path) -> InvalidFile:
    *above, last = details["loc"]
    key = ".".join(str(step) for step in details["loc"])
    what, fix = details["msg"], f"change the value of `{key}`"
    if details["type"] == "extra_forbidden":
        sections = {"providers": Provider, "embedded": Embedded, "models": Models, "pace": Pace}
        section = sections.get(str(above[0]) if above else "")
        what, fix = "there is no such key", closest(str(last), (section or Settings).model_fields)
    elif details["type"] == "missing":
        what, fix = "is missing", f"add `{last}`"
    elif details["type"] == "string_pattern_mismatch":
        what, fix = f"{details['input']!r} is no http(s) URL", "begin it with http:// or https://"
    return InvalidFile(f"{key}: {what}", where=_where(details, path), fix=fix)


def _where(details: ErrorDetails, path: Path) -> str:
    """Return the file, with the line where the value stands if it is the only such line."""
    key, value = str(details["loc"][-1]), str(details["input"])
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [n for n, text in enumerate(lines, 1) if text.strip().startswith(key) and value in text]
    return f"{path}:{found[0]}:1" if len(found) == 1 else str(path)
