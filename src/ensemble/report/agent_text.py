"""An agent's view as text: what it would read, then the facts about the turn."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

View = Mapping[str, Any]


def agent_text(view: View) -> str:
    """Return the prompt as it would be sent, and below a rule what else is known."""
    return "\n".join([view["prompt"], "", "-" * 72, *_facts(view)])


def _facts(view: View) -> Iterator[str]:
    share = view["tokens"] / view["file_tokens"] if view["file_tokens"] else 0.0
    yield f"agent      {view['name']} {view['version']}  sha256:{view['sha256'][:12]}"
    yield f"file       {view['path']} ({view['dialect']})"
    yield f"turn       {view['role']}, {view['mode']}, tools of {view['tool_mode'] or 'no mode'}"
    yield (
        f"size       about {view['tokens']} tokens, {share:.0%} of the file's {view['file_tokens']}"
    )
    yield f"models     {', then '.join(view['models']) or 'whatever is there'}"
    for item in view["tool_reasons"]:
        yield f"{'tool' if item['held'] else 'no tool':<11}{item['tool']}: {item['reason']}"
    yield f"escalates  {_escalation(view['escalation'])}"
    yield from _further(view)


def _further(view: View) -> Iterator[str]:
    """Yield what not every file has."""
    if view["defers_to"]:
        yield f"defers to  {_names(view['defers_to'])}"
    for kind, items in view["human_decisions"].items():
        yield f"a person   decides ({kind}): {'; '.join(items)}"
    if view["load_bearing"]:
        yield "a person   accepts each change of it: the file is load_bearing"
    if view["pipeline"]:
        yield f"pipeline   {'; '.join(_pair(*item) for item in view['pipeline'].items())}"
    for name, server in view["mcp_servers"].items():
        yield f"mcp        {name}{_about(server)}; described, never launched"
    for name, met in view["specialisations"].items():
        yield f"speciality {name}: {'read' if met else 'left out, the task does not meet it'}"
    for fate in view["not_acted_on"]:
        yield f"unused     {fate['field']}: {fate['detail']}"
    for item in view["repairs"]:
        yield f"repaired   {item['code']} line {item['line']}: {item['message']}"
    if view["claimed_audit"]:
        yield f"claimed    {_claim(view['claimed_audit'])}; never used"


def _pair(key: str, value: Any) -> str:
    told = ", ".join(cast("Sequence[str]", value)) if isinstance(value, list) else str(value)
    return key.replace("_", " ") + ("" if value is True else f" {told}")


def _escalation(escalation: View) -> str:
    below = f"below a confidence of {escalation['confidence_threshold']:g}"
    return f"{below} to {_names(escalation['targets'])}"


def _names(targets: Iterable[View]) -> str:
    return ", ".join(
        target["name"] + ("" if target["found"] else " (not in the library)") for target in targets
    )


def _about(server: Any) -> str:
    text = cast("View", server).get("description") if isinstance(server, dict) else None
    return f" ({text})" if text else ""


def _claim(claim: View) -> str:
    score = (
        f"score {claim['score']:g} of {claim['scale']}" if claim["scale"] and claim["score"] else ""
    )
    grade = f"grade {claim['grade']}" if claim["grade"] else ""
    by = f"by {claim['by']}" if claim["by"] else ""
    return ", ".join(part for part in (grade, score, by, claim["date"] or "") if part)
