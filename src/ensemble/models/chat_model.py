"""A chain of models as one LangChain chat model, for callbacks, streaming and tracing.

A turn that callbacks are told of asks through it; the chain itself works without it. Pieces of
text go to the callbacks as they arrive and are provisional; the message returned is the reply
that was recorded.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import ensure_config
from pydantic import Field, PrivateAttr
from typing_extensions import override

from ensemble.errors import UsageError
from ensemble.models.chain import Admit, Answered, Policy, Recorder, ask
from ensemble.models.provider import Candidate, ModelCall, Params, Provider, Usage


class ChainChatModel(BaseChatModel):
    """A resolved chain that answers, and is recorded, like any other chat model.

    Give each call its place in the run: `await chat.ainvoke(messages, key=…, schema=…,
    params=…)`. Without a key, calls are counted below `at`.
    """

    chain: tuple[Candidate, ...]
    """The candidates, in order."""
    recorder: Any = Field(exclude=True, repr=False)
    """The run's journal: a `Recorder`."""
    providers: Any = Field(exclude=True, repr=False)
    """A provider for each candidate: a mapping of `Provider`."""
    policy: Policy = Policy()
    """Retries, waits and limits."""
    admit: Admit | None = Field(default=None, exclude=True, repr=False)
    """Asked before each attempt whether it fits the run's limits."""
    at: str = "chat"
    """Where calls without a key are counted."""

    _calls: int = PrivateAttr(default=0)
    _answered: Answered | None = PrivateAttr(default=None)

    @property
    def answered(self) -> Answered | None:
        """The last answer, with the candidate that gave it and the attempts before."""
        return self._answered

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}(at={self.at!r})"  # read by LangChain for each call

    @property
    @override
    def _llm_type(self) -> str:
        return "ensemble-chain"

    @property
    @override
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"models": [f"{candidate.provider}/{candidate.model}" for candidate in self.chain]}

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise UsageError(
            "a chain of models answers asynchronously only",
            where=self.at,
            fix="call `await chat.ainvoke(…)`",
        )

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        if run_manager is None or not run_manager.handlers:
            answered = await self._ask(call)
        else:
            answered = await self._ask_aloud(call, run_manager)
        message = _message(answered)
        if run_manager is not None:
            message.id = _message_id(run_manager)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _call(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, told: dict[str, Any]
    ) -> ModelCall:
        key = told.get("key")
        if key is None:
            key = f"{self.at}/model#{self._calls}"
            self._calls += 1
        if stop:
            raise UsageError("stop words are not supported", where=key, fix="leave `stop` out")
        params: Params = told.get("params") or Params()
        return ModelCall(
            key=key,
            messages=tuple(messages),
            schema=told.get("schema"),
            brief_schema=told.get("brief_schema"),
            params=params,
            heard=told.get("heard"),
            shared=told.get("shared", 0),
            gives_way=told.get("gives_way", ()),
        )

    async def _ask(self, call: ModelCall) -> Answered:
        recorder: Recorder = self.recorder
        providers: Mapping[str, Provider] = self.providers
        self._answered = await ask(
            self.chain,
            call,
            recorder=recorder,
            providers=providers,
            policy=self.policy,
            admit=self.admit,
        )
        return self._answered

    async def _ask_aloud(
        self, call: ModelCall, run_manager: AsyncCallbackManagerForLLMRun
    ) -> Answered:
        """Ask, and tell the callbacks each piece of text as it arrives."""
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        def heard(text: str) -> None:
            pieces.put_nowait(text)
            if call.heard is not None:
                call.heard(text)

        async def answer() -> Answered:
            try:
                return await self._ask(replace(call, heard=heard))
            finally:
                pieces.put_nowait(None)

        answering = asyncio.create_task(answer())
        try:
            while (text := await pieces.get()) is not None:
                chunk = AIMessageChunk(content=text, id=_message_id(run_manager))
                await run_manager.on_llm_new_token(text, chunk=ChatGenerationChunk(message=chunk))
            return await answering
        finally:
            answering.cancel()
            await asyncio.wait([answering])


def is_heard() -> bool:
    """Return whether callbacks, tracing among them, would be told of a call made here."""
    around = ensure_config().get("callbacks")
    if not isinstance(around, BaseCallbackManager):  # a node's is made whole by LangGraph
        around = AsyncCallbackManager.configure(around)
    return bool(around.handlers)


def _message_id(run_manager: AsyncCallbackManagerForLLMRun) -> str:
    return f"run-{run_manager.run_id}"


def _message(answered: Answered) -> AIMessage:
    reply = answered.reply
    return AIMessage(
        content=reply.text,
        usage_metadata=_usage_metadata(reply.usage),
        response_metadata={
            "model_name": reply.served,
            "model_provider": answered.candidate.provider,
            "finish_reason": reply.finish,
            "fallback": answered.candidate.fallback,
            "failed_attempts": len(answered.attempts),
        },
    )


def _usage_metadata(usage: Usage) -> UsageMetadata | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    total = usage.input_tokens + usage.output_tokens
    metadata = UsageMetadata(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=total
    )
    if usage.cached_tokens is not None:
        metadata["input_token_details"] = InputTokenDetails(cache_read=usage.cached_tokens)
    return metadata
