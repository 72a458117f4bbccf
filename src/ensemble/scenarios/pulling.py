"""Having Ollama pull a model that agents name, on request only."""

from typing import Protocol

from ensemble.config import load_settings, offline
from ensemble.errors import NoModelLeft, UsageError
from ensemble.models.probes import Probes
from ensemble.models.registry import model_named


class Tell(Protocol):
    """Shown each line of progress."""

    def __call__(self, line: str, *, over: bool) -> None:
        """Show `line`; `over` where it only moves the last one on."""
        ...


async def pulled(name: str, tell: Tell) -> str:
    """Have Ollama pull a model and return what there is then.

    Args:
        name: as agents name it, or a tag of Ollama's.
        tell: shown how far it is.

    Raises:
        NoModelLeft: downloads are forbidden, or Ollama cannot pull it.
        UsageError: the model is known, and not to be had from Ollama; or Ollama has no address.
    """
    from ensemble.models.ollama_chat import pull, shown

    tag = _tag(load_settings().aliases.get(name, name))
    if offline():
        fix = "unset ENSEMBLE_OFFLINE"
        raise NoModelLeft("ENSEMBLE_OFFLINE forbids to pull models", where=tag, fix=fix)
    if fault := Probes().ollama_host_fault:
        raise UsageError(fault, where="OLLAMA_HOST", fix="set it to host:port, or unset it")
    last = ""
    async for step in pull(tag):
        share = "" if step.share is None else f" {step.share:.0%}"
        tell(f"{step.status}{share}", over=step.status == last)
        last = step.status
    tell("", over=True)
    window, can = await shown(tag)
    told = [f"a window of {window} tokens"] if window else []
    return f"{tag} is here: {', '.join([*told, *can]) or 'pulled'}"


def _tag(name: str) -> str:
    known = model_named(name)
    if known is None:
        return name.removeprefix("ollama/")
    for route in known.routes:
        if route.provider == "ollama":
            return route.model
    raise UsageError(
        f"Ollama does not have {name!r}",
        where="NAME",
        fix="`ensemble models list` says where it can be had",
    )
