"""Any LangChain chat model of the caller's own, as a provider.

The model keeps its own settings; messages and the answer's text go through unchanged. It is
asked without the callbacks of the node around it, which hears the chain's reply instead.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ensemble.models.faults import DECLINED, failure_from
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Provider, Reply
from ensemble.models.provider import Usage as Tokens

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk

_PIECE_WITHIN_S: Final = 300.0
_FINISH_NAMES: Final = ("finish_reason", "stop_reason", "done_reason")


def langchain_chat(model: "BaseChatModel") -> Provider:
    """Return the provider that asks `model`.

    Bring it to a run as `providers={"NAME": langchain_chat(model)}`; `NAME/anything` in a
    chain then asks it.
    """

    async def ask_model(candidate: Candidate, call: ModelCall) -> Reply:
        whole: AIMessageChunk | None = None
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
            raise failure_from(error, _text(whole) if whole else "") from error
        if whole is None:
            raise ModelFailure(Failure.UNUSABLE, "the model said nothing")
        return _reply(whole, candidate)

    return ask_model


def _text(message: "AIMessageChunk") -> str:
    return str(message.text)


def _reply(whole: "AIMessageChunk", candidate: Candidate) -> Reply:
    told: dict[str, Any] = dict(whole.response_metadata)
    finish = next((str(told[name]) for name in _FINISH_NAMES if told.get(name)), "stop").lower()
    if finish in DECLINED:
        raise ModelFailure(Failure.CONTENT_FILTER, f"the model stopped for {finish}")
    usage = whole.usage_metadata
    cached = (usage.get("input_token_details") or {}).get("cache_read") if usage else None
    return Reply(
        text=_text(whole),
        served=f"{candidate.provider}/{candidate.model}",
        finish="length" if finish in ("length", "max_tokens") else "stop",
        usage=Tokens(usage["input_tokens"], cached, usage["output_tokens"]) if usage else Tokens(),
    )
