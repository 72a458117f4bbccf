"""A panel as one LangChain chat model: the last human message is its task.

For whoever has a place for a chat model and wants a decision there. It has never heard of
seats; what the panel did in detail is in the message's `response_metadata["result"]`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables.config import RunnableConfig, set_config_context
from pydantic import Field
from typing_extensions import override

from ensemble.errors import UsageError
from ensemble.scenarios.panel import Panel, Result, refuse_in_loop


def as_chat_model(panel: Panel) -> "PanelChatModel":
    """Return the panel as a LangChain chat model, whose answer is the panel's decision.

    Example:
        `as_chat_model(Panel("review")).invoke("May this be promoted?").content`
    """
    return PanelChatModel(panel=panel)


class PanelChatModel(BaseChatModel):
    """A panel that is asked and answers like a chat model. Made by `as_chat_model`."""

    panel: Any = Field(exclude=True, repr=False)
    """The `Panel` that decides."""

    @property
    @override
    def _llm_type(self) -> str:
        return "ensemble-panel"

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        panel: Panel = self.panel
        refuse_in_loop("invoke", fix="`await model.ainvoke(…)`")
        return _answer(panel, panel.run_sync(_task(messages, stop)))

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        panel: Panel = self.panel
        # Traced below this call; but what seats say on the way is no part of its answer.
        below = RunnableConfig(tags=["nostream"])
        if run_manager is not None:
            told = run_manager.inheritable_handlers
            below["callbacks"] = AsyncCallbackManager([], told, run_manager.run_id)
        with set_config_context(below) as context:
            running = asyncio.create_task(panel.run(_task(messages, stop)), context=context)
            return _answer(panel, await running)


def _task(messages: Sequence[BaseMessage], stop: list[str] | None) -> str:
    if stop:
        raise UsageError("stop words are not supported", where="chat", fix="leave `stop` out")
    asked = [message for message in messages if isinstance(message, HumanMessage)]
    if not asked:
        raise UsageError(
            "there is no task: no message is a person's", where="chat", fix="add a HumanMessage"
        )
    return str(asked[-1].text)


def _answer(panel: Panel, result: Result) -> ChatResult:
    graph = panel.graph if isinstance(panel.graph, str) else panel.graph.name
    message = AIMessage(
        content=_text(result),
        usage_metadata=_usage(result.document["usage"]),
        response_metadata={"model_name": f"ensemble/{graph}", "result": result.document},
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _text(result: Result) -> str:
    decision: dict[str, Any] = result.document["decision"] or {}
    why = f" ({'; '.join(result.reasons)})" if result.reasons else ""
    lines = [
        f"**Position**: {result.position or 'none'}",
        f"**Authority**: {result.authority}{why}",
        f"**Result**: {decision.get('result') or 'none'}",
    ]
    return "\n".join(lines)


def _usage(used: dict[str, Any]) -> UsageMetadata:
    return UsageMetadata(
        input_tokens=used["input_tokens"],
        output_tokens=used["output_tokens"],
        total_tokens=used["input_tokens"] + used["output_tokens"],
        input_token_details=InputTokenDetails(cache_read=used["cached_tokens"]),
    )
