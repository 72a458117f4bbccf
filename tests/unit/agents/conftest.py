"""Agents written for a test: a small file of every part, changed where the test says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble.agents.library import Agent, load_agent

WriteAgent = Callable[..., Path]
MakeAgent = Callable[..., Agent]

HEAD = "name: tester\ndescription: Tests things\n"
BODY = """\
# Tester

## Identity

You test things through a lens of **doubt**.

**Interpretive Lens**: What would we see if this were wrong?

**Domain Boundaries**: You own tests. You defer to skeptic for claims.

**Vocabulary**: mutation, fixture,
coverage

## Instructions

### Always (all modes)

1. Always-rule one
   goes on here
2. Always-rule two

### When Generative

3. Generative-rule

### When Critical (Primary Mode)

3. Critical-rule

### When Evaluative

- Evaluative-rule

### When Informative

* Informative-rule

## Never

- Never-rule

## Specializations

### Kubernetes Networking

- Diagnose ingress controllers and overlay networks

### Regression Testing

- Compare snapshots between releases

## Knowledge Sources

**References**:
- https://docs.pytest.org/en/stable/ — pytest
- (https://hypothesis.works/articles), https://hypothesis.works/articles.

**MCP Servers**:

```yaml
mcp_servers:
  github:
    description: "Issues"
```

## Output Format

### Output Envelope (Required)

```
**Result**: {verdict}
**Confidence**: high | medium | low
```

### For Audit Mode

```
## Findings

### [CRITICAL] {Audit-template}
```

### For Solution Mode

```
## Implementation
{Solution-template}
```
"""


@pytest.fixture
def write_agent(tmp_path: Path) -> WriteAgent:
    """Return what writes an agent file and returns its path."""

    def write(head: str = "", body: str = BODY, *, name: str = "tester.md") -> Path:
        path = tmp_path / "agents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        named = head if head.startswith("name:") or "\nname:" in head else HEAD + head
        path.write_text(f"---\n{named}\n---\n{body}", encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_agent(write_agent: WriteAgent) -> MakeAgent:
    """Return what makes an agent, by way of its file."""

    def make(head: str = "", body: str = BODY) -> Agent:
        return load_agent(write_agent(head, body))

    return make
