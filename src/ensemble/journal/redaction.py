"""Secrets are taken out before anything is fingerprinted, written or shown.

First the exact values of the secrets this process was given, also base64 and URL encoded;
then well-known shapes of keys. The placeholder is the same on both sides of a replay, so
redaction never breaks a match.
"""

import base64
import os
import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote

_SECRET_NAME: Final = re.compile(
    r"(API_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)", re.IGNORECASE
)
_SHORTEST: Final = 8
_SHAPES: Final = (
    ("openai-key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("aws-key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("github-token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})")),
    ("gitlab-token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("google-key", re.compile(r"\bAIza[A-Za-z0-9_-]{35}")),
    ("huggingface-token", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    ("slack-token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("stripe-key", re.compile(r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}")),
    ("jwt", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")),
    (
        "private-key",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
        ),
    ),
    ("url-password", re.compile(r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)")),
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

    def clean(self, value: Any) -> Any:
        """Return `value` with every secret in its texts and keys replaced."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, Mapping):
            items = cast("Mapping[str, Any]", value).items()
            return {self._clean_text(key): self.clean(item) for key, item in items}
        if isinstance(value, (list, tuple)):
            return [self.clean(item) for item in cast("list[Any]", value)]
        return value

    def _clean_text(self, text: str) -> str:
        for form, placeholder in self._exact:
            if form in text:
                text = text.replace(form, placeholder)
        for name, shape in _SHAPES:
            text = shape.sub(f"<secret:{name}>", text)
        return text


def secrets_of_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables whose names say that they hold a secret."""
    given = os.environ if environment is None else environment
    return {name: value for name, value in given.items() if _SECRET_NAME.search(name)}


def _forms(value: str) -> set[str]:
    raw = value.encode()
    # A base64 text of a longer whole holds the value at one of three offsets.
    encoded = {
        base64.b64encode(b"\0" * shift + raw).decode()[(shift * 4 + 2) // 3 :].rstrip("=")[:-1]
        for shift in range(3)
    }
    return {value, quote(value, safe=""), *(form for form in encoded if len(form) >= _SHORTEST)}
