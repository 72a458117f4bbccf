"""Any LangChain chat model or Runnable of the caller's own, as a provider.

The model keeps its own settings; messages and the answer's text go through unchanged. It is
asked without the callbacks of the node around it, which hears the chain's reply instead.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ensemble.models.faults import failure_from, finish_of
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Provider, Reply
from ensemble.models.provider import Usage as Tokens

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.messages.ai import UsageMetadata
    from langchain_core.runnables import Runnable

_PIECE_WITHIN_S: Final = 300.0
_FINISH_NAMES: Final = ("finish_reason", "stop_reason", "done_reason")


def langchain_chat(model: "Runnable[Any, Any]") -> Provider:
    """Return the provider that asks `model`: it is given messages, and says a message or text.

    Bring it to a run as `providers={"NAME": langchain_chat(model)}`; `NAME/anything` in a
    chain then asks it.
    """

    async def ask_model(candidate: Candidate, call: ModelCall) -> Reply:
        whole: Any = None
        try:
            pieces = model.astream(list(call.messages), config={"callbacks": []})
            while True:
                async with asyncio.timeout(_PIECE_WITHIN_S):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                whole = piece if whole is None else whole + piece
                if call.heard is not None and (text := _text(piece)):
                    call.heard(text)
        except Exception as error:  # the library behind it may raise anything
            raise failure_from(error, () if whole is None else (_text(whole),)) from error
        if whole is None:
            raise ModelFailure(Failure.UNUSABLE, "the model said nothing")
        return _reply(whole, candidate)

    return ask_model


def _text(said: Any) -> str:
    """Return the text of a message, or of a piece of one; none of anything else."""
    return said if isinstance(said, str) else str(getattr(said, "text", ""))


def _reply(whole: Any, candidate: Candidate) -> Reply:
    from langchain_core.messages import BaseMessage

    served = f"{candidate.provider}/{candidate.model}"
    if isinstance(whole, BaseMessage):
        return _reply_of_message(whole, served)
    if isinstance(whole, str):
        return Reply(whole, served)
    kind = type(whole).__name__
    raise ModelFailure(Failure.UNUSABLE, f"it returned a {kind}, neither a message nor text")


def _reply_of_message(whole: "BaseMessage", served: str) -> Reply:
    told: dict[str, Any] = dict(whole.response_metadata)
    reason = next((str(told[name]) for name in _FINISH_NAMES if told.get(name)), "stop")
    finish = finish_of(reason)
    usage: UsageMetadata | None = getattr(whole, "usage_metadata", None)
    cached = (usage.get("input_token_details") or {}).get("cache_read") if usage else None
    return Reply(
        text=_text(whole),
        served=served,
        finish=finish,
        usage=Tokens(usage["input_tokens"], cached, usage["output_tokens"]) if usage else Tokens(),
    )
