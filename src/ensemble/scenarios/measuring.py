"""A lab job asked for from the shell: fields made a spec, measured, and answered."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ensemble.config import project_of
from ensemble.errors import InvalidFile, UsageError
from ensemble.lab.client import Lab
from ensemble.lab.specs import read_spec


async def measure(
    tool: str, fields: Sequence[str], spec: Path | None, workspace: Path
) -> dict[str, Any]:
    """Run one job and return its result document.

    Args:
        tool: the lab's tool.
        fields: `key=value`, values in JSON or as plain text.
        spec: a JSON file with more fields; those in `fields` win.
        workspace: the folder that datasets lie in.

    Raises:
        InvalidFile: the spec does not fit, or its file holds no JSON object.
        UsageError: a field has no value.
    """
    raw = {**_from_file(spec), **_from_fields(fields), "tool": tool}
    where = str(spec) if spec else "lab"
    of = raw.get("of")
    asked = read_spec(raw, where=where)
    async with Lab(workspace, project_of().lab, threads=max(2, asked.threads)) as lab:
        return await lab.run(asked, of=str(of) if of else None)


def _from_file(spec: Path | None) -> dict[str, Any]:
    if spec is None:
        return {}
    try:
        loaded: Any = json.loads(spec.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidFile(
            f"cannot be read: {error.strerror}", where=str(spec), fix="mend the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"is no JSON: {error}", where=str(spec), fix="mend the file") from error
    if not isinstance(loaded, dict):
        raise InvalidFile(
            "holds no JSON object", where=str(spec), fix='write fields, e.g. {"epochs": 5}'
        )
    return cast("dict[str, Any]", loaded)


def _from_fields(fields: Sequence[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for field in fields:
        name, mark, text = field.partition("=")
        if not mark or not name:
            raise UsageError(
                f"{field!r} is no key=value", where="FIELDS", fix="write e.g. epochs=5"
            )
        try:
            given[name] = json.loads(text)
        except (ValueError, RecursionError):
            given[name] = text
    return given
