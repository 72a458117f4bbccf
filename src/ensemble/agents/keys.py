"""The closed list of keys that frontmatters use, by the program whose files they are.

It tells the programs apart, and it tells a key at the left edge from a line of a text.
"""

from typing import Final

from ensemble.agents.spec import AgentSpec

CLAUDE: Final = frozenset(
    {
        *("disallowedTools", "permissionMode", "maxTurns", "skills", "mcpServers", "hooks"),
        *("memory", "background", "effort", "isolation", "initialPrompt"),
    }
)
COPILOT: Final = frozenset(
    {
        *("target", "user-invocable", "user-invokable", "disable-model-invocation", "infer"),
        *("mcp-servers", "metadata", "agents", "argument-hint", "handoffs"),
    }
)
OPENCODE: Final = frozenset(
    {
        *("mode", "variant", "top_p", "prompt", "permission", "steps", "maxSteps", "hidden"),
        *("hidden_from_cycle", "disable", "disabled", "options"),
    }
)
GEMINI: Final = frozenset(
    {"kind", "display_name", "max_turns", "timeout_mins", "agent_card_url", "agent_card_json"}
)
CURSOR: Final = frozenset({"readonly", "is_background"})
CODEX: Final = frozenset(
    {
        *("developer_instructions", "model_reasoning_effort", "sandbox_mode"),
        "nickname_candidates",
    }
)
SHARED: Final = frozenset(
    {"name", "description", "model", "tools", "color", "temperature", "auth", "mcp_servers"}
)
OURS: Final = (frozenset(AgentSpec.model_fields) - SHARED) | {"default_cognitive_mode", "imported"}
KNOWN_KEYS: Final = SHARED | OURS | CLAUDE | COPILOT | OPENCODE | GEMINI | CURSOR | CODEX
AGENT_MARKS: Final = KNOWN_KEYS - {
    *("version", "role", "phase", "phase_name", "pipeline", "audit", "created_for", "color"),
    *("metadata", "target", "options", "hidden", "disabled", "auth", "memory", "skills", "kind"),
    *("effort", "steps", "timeout_mins", "temperature", "mode", "variant", "infer", "hooks"),
}
"""Keys of which one is enough to tell an agent from another document with a frontmatter."""
