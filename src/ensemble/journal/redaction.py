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
from urllib.parse import quote, quote_plus

_SECRET_NAME: Final = re.compile(
    r"API_?KEY|_KEY$|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|_(?:PAT|PWD)$",
    re.IGNORECASE,
)
_SHORTEST: Final = 8
_SHAPES: Final = tuple(
    (name, re.compile(shape, re.DOTALL))
    for name, shape in (
        # Anthropic's and OpenRouter's begin alike.
        ("openai-key", r"\bsk-[A-Za-z0-9_-]{20,}"),
        ("aws-key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})"),
        ("gitlab-token", r"\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}"),
        ("google-key", r"\bAIza[A-Za-z0-9_-]{35}"),
        ("google-token", r"\bya29\.[A-Za-z0-9_-]{20,}"),
        ("huggingface-token", r"\bhf_[A-Za-z0-9]{30,}"),
        ("groq-key", r"\bgsk_[A-Za-z0-9]{40,}"),
        ("xai-key", r"\bxai-[A-Za-z0-9]{40,}"),
        ("perplexity-key", r"\bpplx-[A-Za-z0-9]{40,}"),
        ("replicate-token", r"\br8_[A-Za-z0-9]{30,}"),
        ("slack-token", r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
        ("slack-webhook", r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}"),
        ("stripe-key", r"\b(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"),
        ("npm-token", r"\bnpm_[A-Za-z0-9]{36}"),
        ("pypi-token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
        ("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,}"),
        ("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{40,}"),
        ("databricks-token", r"\bdapi[a-f0-9]{32}"),
        ("age-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}"),
        ("jwt", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
        (
            "private-key",
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[A-Z ]*-----(?:(?!-----).)*-----END [A-Z ]+-----",
        ),
        (
            "authorization",
            r"(?i:(?<=authorization: bearer )|(?<=authorization: basic ))[A-Za-z0-9._~+/=-]{8,}",
        ),
        ("url-password", r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"),
    )
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
    raw = value.encode("utf-8", "surrogateescape")
    # A base64 text of a longer whole holds the value at one of three offsets.
    encoded = {
        code(b"\0" * shift + raw).decode()[(shift * 4 + 2) // 3 :].rstrip("=")[:-1]
        for shift in range(3)
        for code in (base64.b64encode, base64.urlsafe_b64encode)
    }
    long = {form for form in encoded if len(form) >= _SHORTEST}
    return {value, quote(raw, safe=""), quote_plus(raw), *long}
