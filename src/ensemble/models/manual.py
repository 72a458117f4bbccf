"""A person, or any chat window they paste into, holds a seat.

The prompt is written to a file and the answer is taken from the file beside it. At a terminal
the run waits for the answer; elsewhere it pauses and is resumed when the answer is there.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ensemble.errors import CannotWrite, Paused
from ensemble.journal.file import write_whole
from ensemble.models.messages import plain
from ensemble.models.provider import Candidate, ModelCall, Provider, Reply

_LOOK_EVERY_S: Final = 0.5
_WAIT_AT_MOST_S: Final = 3600.0


def manual(
    folder: Path,
    *,
    run: str | None,
    answers: Sequence[Path] = (),
    at_terminal: bool | None = None,
    wait_s: float = _WAIT_AT_MOST_S,
    clean: Callable[[str], str] | None = None,
) -> Provider:
    """Return the provider whose answers a person gives.

    Args:
        folder: where prompts are written and answers looked for.
        run: the run's id, for the command that goes on with it; None where there is none.
        answers: more folders to look for answers in.
        at_terminal: whether someone is there to answer now; None asks the terminal.
        wait_s: how long to wait for them.
        clean: takes secrets out of a prompt before it is written.

    The provider raises `Paused`, which names the files, where no answer is there in time.
    """

    async def ask_person(candidate: Candidate, call: ModelCall) -> Reply:
        name = file_name(call.key)
        prompt, answer = folder / f"{name}.prompt.md", folder / f"{name}.answer.md"
        places = [answer, *(other / answer.name for other in answers)]
        text = _answer_in(places)
        if text is None:
            asked = _prompt(answer, call)
            _write(prompt, clean(asked) if clean else asked)
            waits = sys.stdin.isatty() if at_terminal is None else at_terminal
            if waits:
                sys.stderr.write(f"{call.key}: read {prompt}, answer in {answer.name} beside it\n")
                text = await _answer_within(places, wait_s)
        if text is None:
            after = f"then `ensemble resume {run}`" if run else "while the run waits for it"
            raise Paused(
                f"a person has to answer {prompt}",
                where=call.key,
                fix=f"write the answer to {answer}, {after}",
            )
        return Reply(text, served=f"{candidate.provider}/{candidate.model}")

    return ask_person


def file_name(key: str) -> str:
    """Return the key as the beginning of a file name: `panel[0]/…#0` is `panel.0.….0`."""
    return re.sub(r"[^A-Za-z0-9_-]+", ".", key).strip(".")


def write_answer(folder: Path, key: str, text: str) -> None:
    """Put a person's answer to the prompt of a call where it is looked for."""
    _write(folder / f"{file_name(key)}.answer.md", text)


def _answer_in(places: Sequence[Path]) -> str | None:
    for path in places:
        try:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        if text:
            return text
    return None


async def _answer_within(places: Sequence[Path], wait_s: float) -> str | None:
    """Wait for an answer that was the same on two looks: an editor may still be writing."""
    until = time.monotonic() + wait_s
    before = None
    while time.monotonic() < until:
        await asyncio.sleep(min(_LOOK_EVERY_S, wait_s))
        text = _answer_in(places)
        if text is not None and text == before:
            return text
        before = text
    return before


def _prompt(answer: Path, call: ModelCall) -> str:
    parts = [
        f"<!-- Answer all of this in one reply; save it as {answer.name} in this folder. -->",
        *(f"<!-- {m['role']} -->\n\n{m['content']}" for m in plain(call.messages)),
    ]
    if call.schema is not None:
        schema = json.dumps(call.schema, indent=2, ensure_ascii=False)
        parts.append(f"<!-- The answer must be JSON that fits this schema. -->\n\n{schema}")
    return "\n\n".join([*parts, ""])


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise CannotWrite(
            f"it cannot be written: {error.strerror}",
            where=str(path),
            fix="make room there or choose another folder for the run",
        ) from error
