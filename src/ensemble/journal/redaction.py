"""Secrets are taken out before anything is fingerprinted, written or shown.

First the exact values of the secrets this process was given, also base64 and URL encoded;
then well-known shapes of keys. The placeholder is the same on both sides of a replay, so
redaction never breaks a match.

A pattern is slow and a search for plain text is fast, so each shape names a text without which
it cannot occur, and its pattern runs only where that is found.
"""

import base64
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

from ensemble.canonical import Shared, canonical

_SECRET_NAME: Final = re.compile(
    r"API_?KEY|_KEY$|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|_(?:PAT|PWD)$",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(r"<secret:([^<>]*)>")
_SHORTEST: Final = 8
_KEPT_CHARACTERS: Final = 256 * 1024


@dataclass(frozen=True)
class _Shape:
    """How secrets of one kind look."""

    placeholder: str
    signs: tuple[str, ...]
    """A text that holds none of these holds no such secret; lower case where `any_case`."""
    pattern: re.Pattern[str]
    any_case: bool = False


def _shape(name: str, signs: str, pattern: str, *, any_case: bool = False) -> _Shape:
    compiled = re.compile(pattern, re.DOTALL)
    return _Shape(f"<secret:{name}>", tuple(signs.split("|")), compiled, any_case)


_SHAPES: Final = (
    # Anthropic's and OpenRouter's begin alike.
    _shape("openai-key", "sk-", r"\bsk-[A-Za-z0-9_-]{20,}"),
    _shape("aws-key", "AKIA|ASIA", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _shape(
        "github-token",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})",
    ),
    _shape(
        "gitlab-token",
        "glpat-|gldt-|glrt-|glcbt-|glptt-",
        r"\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}",
    ),
    _shape("google-key", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
    _shape("google-token", "ya29.", r"\bya29\.[A-Za-z0-9_-]{20,}"),
    _shape("huggingface-token", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    _shape("groq-key", "gsk_", r"\bgsk_[A-Za-z0-9]{40,}"),
    _shape("xai-key", "xai-", r"\bxai-[A-Za-z0-9]{40,}"),
    _shape("perplexity-key", "pplx-", r"\bpplx-[A-Za-z0-9]{40,}"),
    _shape("replicate-token", "r8_", r"\br8_[A-Za-z0-9]{30,}"),
    _shape("slack-token", "xox|xapp-", r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    _shape(
        "slack-webhook",
        "hooks.slack.com/services/",
        r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}",
    ),
    _shape(
        "stripe-key",
        "k_live_|k_test_|whsec_",
        r"\b(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}",
    ),
    _shape("npm-token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    _shape("pypi-token", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    _shape("sendgrid-key", "SG.", r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}"),
    _shape("digitalocean-token", "_v1_", r"\bdo[opr]_v1_[a-f0-9]{40,}"),
    _shape("databricks-token", "dapi", r"\bdapi[a-f0-9]{32}"),
    _shape("age-key", "AGE-SECRET-KEY-1", r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    _shape(
        "jwt",
        "eyJ",
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    ),
    _shape(
        "private-key",
        "-----BEGIN ",
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[A-Z ]*-----(?:(?!-----).)*-----END [A-Z ]+-----",
    ),
    _shape(
        "authorization",
        "on: b",  # the end of the name, whose i and s have further forms outside ASCII
        r"(?i:(?<=authorization: bearer )|(?<=authorization: basic ))[A-Za-z0-9._~+/=-]{8,}",
        any_case=True,
    ),
    _shape("url-password", "@", r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"),
)


class Redactor:
    """Replaces secrets in any JSON value by `<secret:NAME>`."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Take the secrets by name; values shorter than 8 characters are not secrets."""
        exact = [
            (form, f"<secret:{name}>")
            for name, value in secrets.items()
            if len(value) >= _SHORTEST
            for form in _forms(value)
        ]
        self._exact = sorted(set(exact), key=lambda pair: (-len(pair[0]), pair))
        self._survive_json = all(json.dumps(form) == f'"{form}"' for form, _ in self._exact)
        self._kept: dict[str, str] = {}
        self._kept_characters = 0

    @classmethod
    def of_environment(cls) -> "Redactor":
        """Take out this process's secrets, and what looks like one: for live runs and messages."""
        return cls(secrets_of_environment())

    @classmethod
    def of_shapes(cls) -> "Redactor":
        """Take out only what looks like a secret, the same everywhere: for replays."""
        return cls({})

    def clean(self, value: Any) -> Any:
        """Return `value` with every secret in its texts and keys replaced.

        Raises:
            TypeError: it holds a key that is no string.
        """
        return self._clean_text(value) if isinstance(value, str) else self._clean_inside(value)

    def _clean_inside(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._kept.get(value) or self._recurring(value)
        if isinstance(value, (list, tuple)):
            return [self._clean_inside(item) for item in cast("list[Any]", value)]
        if value is None or isinstance(value, (int, float)):
            return value
        if isinstance(value, Shared) and self._is_clean(value):
            return value
        if isinstance(value, (dict, Mapping)):  # asking for dict alone first is faster
            kept, inside = self._kept.get, self._clean_inside
            items = cast("Mapping[str, Any]", value).items()
            return {kept(key) or self._recurring(key): inside(item) for key, item in items}
        return value

    def _is_clean(self, value: Shared) -> bool:
        """Return whether what is written down of it holds no secret, if that can tell."""
        return self._survive_json and self._recurring(value.text) == value.text

    def _recurring(self, text: str) -> str:
        """Clean a part of a request; what seats share comes with each call, and is kept."""
        cleaned = self._kept.get(text)
        if cleaned is None:
            if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- a key
                kind = type(text).__name__
                raise TypeError(f"key {text!r} is a {kind}; JSON keys are strings")
            cleaned = self._clean_text(text)
            self._keep(text, cleaned)
        return cleaned

    def _keep(self, text: str, cleaned: str) -> None:
        if len(text) > _KEPT_CHARACTERS:
            return
        self._kept_characters += len(text)
        if self._kept_characters > _KEPT_CHARACTERS:
            self._kept.clear()
            self._kept_characters = len(text)
        self._kept[text] = cleaned

    def _clean_text(self, text: str) -> str:
        for form, placeholder in self._exact:
            if form in text:
                text = text.replace(form, placeholder)
        for shape in _SHAPES:
            looked = text.lower() if shape.any_case else text
            for sign in shape.signs:
                if sign in looked:
                    text = shape.pattern.sub(shape.placeholder, text)
                    break
        return text


def secrets_of_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables whose names say that they hold a secret."""
    given = os.environ if environment is None else environment
    return {name: value for name, value in given.items() if _SECRET_NAME.search(name)}


def named_in(value: Any) -> list[str]:
    """Return the variables whose values were taken out of `value`; shapes are none."""
    shapes = {shape.placeholder for shape in _SHAPES}
    found = _PLACEHOLDER.finditer(canonical(value).decode())
    return sorted({match[1] for match in found if match[0] not in shapes})


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogateescape")
    # A base64 text of a longer whole holds the value at one of three offsets.
    encoded = {
        code(b"\0" * shift + raw).decode()[(shift * 4 + 2) // 3 :].rstrip("=")[:-1]
        for shift in range(3)
        for code in (base64.b64encode, base64.urlsafe_b64encode)
    }
    long = {form for form in encoded if len(form) >= _SHORTEST}
    return {value, quote(raw, safe=""), quote_plus(raw), *long}
