"""What holds of a run's files, as text."""

import textwrap
from collections.abc import Mapping
from typing import Any


def verify_text(document: Mapping[str, Any]) -> str:
    """Return each check on a line of its own, those that do not hold in capitals."""
    lines = [f"{'whole' if document['whole'] else 'NOT WHOLE'}: {document['journal']}"]
    for check in document["checks"]:
        head = f"  {'ok    ' if check['held'] else 'BROKEN'}  {check['name']}: "
        lines.append(
            textwrap.fill(check["saw"], 100, initial_indent=head, subsequent_indent=" " * 10)
        )
    return "\n".join(lines)
