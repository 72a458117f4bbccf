"""A person takes part: a question is put, the run pauses, and the answer comes back with it.

A person is one more effect: what was asked and answered stands in the journal, so that a replay
asks nobody. Has never heard of terminals; an answer is brought by whoever starts the run.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ensemble.errors import Paused, UsageError, closest
from ensemble.journal.record import Event
from ensemble.journal.turn_key import TurnKey


@dataclass(frozen=True)
class Question:
    """What a person is asked."""

    key: str
    """Where the answer belongs: a turn's key, or `decision`."""
    text: str
    """All that has to be read to answer."""
    choices: tuple[str, ...] = ()
    """What the answer begins with; empty where any words will do."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON, as the journal keeps it."""
        return {"question": self.text, "choices": list(self.choices)}

    def accept(self, text: str) -> None:
        """Take an answer that begins with one of the choices, or is a whole one in Markdown.

        Raises:
            UsageError: it is neither.
        """
        begun = text.partition(":")[0].strip()
        whole = "**Result**" in text or text.lstrip().startswith("{")
        if TurnKey.read(self.key).is_of_model and not whole:
            told = "this seat's answer is a whole one, with **Result** and **Confidence**"
            raise UsageError(told, where=self.key, fix="write it to a file and give `KEY=@FILE`")
        if self.choices and begun not in self.choices and not whole:
            raise UsageError(
                f"{begun[:80]!r} is no answer", where=self.key, fix=closest(begun, self.choices)
            )

    def pause(self, run: str | None) -> Paused:
        """Return the end of a process that has nobody to ask; None is a run no command resumes."""
        fix = _BRING_SOMEBODY if run is None else f"`{self.command(run)}`"
        return Paused(f"a person has to answer\n{self.text}", where=self.key, fix=fix)

    def command(self, run: str) -> str:
        """Return the command that answers."""
        words = f"{' | '.join(self.choices)}[: why]" if self.choices else "TEXT"
        return f"ensemble resume {run} --answer {TurnKey.read(self.key).path}='{words}'"


_BRING_SOMEBODY: Final = (
    "say who answers, `Panel(…, person=…)`, or give `compile` a checkpointer and go on with "
    "`Command(resume=…)`"
)
_KEY: Final = re.compile(r"[\w-]+(\[\d+\])?(/[\w#/-]+)?")
"""What a question's key, or its beginning, looks like."""
AskPerson = Callable[[Question], Awaitable[str | None]]
"""Returns the answer, or None where there is none yet."""


async def nobody(_: Question) -> str | None:
    """Answer nothing: the run pauses."""
    return None


def all_paused(pauses: Sequence[Paused]) -> Paused:
    """Return the one end of a run in which these wait for a person."""
    if len(pauses) == 1:
        return pauses[0]
    listed = "\n".join(f"  {pause.where}: {pause.problem}" for pause in pauses)
    return Paused(
        f"{len(pauses)} seats wait for a person\n{listed}",
        where=pauses[0].where,
        fix="\n       ".join(dict.fromkeys(pause.fix for pause in pauses)),
    )


def brought(answers: Mapping[str, str]) -> AskPerson:
    """Return a person whose answers were given beforehand, by the key of their question."""

    async def answer(question: Question) -> str | None:
        return answers.get(question.key)

    return answer


def questions_open(events: Sequence[Event]) -> dict[str, Question]:
    """Return each question that waits, by its key."""
    done = {e.key for e in events if e.event in ("person_answered", "model_replied")}
    return {e.key: _asked(e) for e in events if e.event == "paused" and e.key not in done}


def sorted_out(given: Sequence[str], waiting: Mapping[str, Question]) -> dict[str, str]:
    """Return each waiting question's answer, of what a command line gives as `[KEY=]TEXT`.

    Args:
        given: the answers; KEY is a question's key, or the beginning of just one.
        waiting: the questions that wait, by their keys.

    Raises:
        UsageError: nothing waits, a KEY names none or several, or the answer is none of the
            choices.
    """
    answers = dict(_named(item, waiting) for item in given)
    for key, text in answers.items():
        waiting[key].accept(text)
    return answers


def _asked(paused: Event) -> Question:
    """Return the question of a pause: a person's own, or that a prompt waits for an answer."""
    request = cast("dict[str, Any]", paused.body.get("request") or {"question": paused.value})
    return Question(paused.key, str(request["question"]), tuple(request.get("choices", ())))


def _named(item: str, waiting: Mapping[str, Question]) -> tuple[str, str]:
    head, equals, rest = item.partition("=")
    meant = [key for key in waiting if equals and key.startswith(head.strip())]
    exact = [key for key in meant if head.strip() in (key, TurnKey.read(key).path)]
    meant = exact or meant
    if len(meant) == 1:
        return meant[0], rest.strip()
    if len(waiting) == 1 and not meant and not (equals and _KEY.fullmatch(head.strip())):
        return next(iter(waiting)), item.strip()
    if not waiting:
        raise UsageError("no question waits", where="--answer", fix="leave the option out")
    told = "several questions begin so" if meant else "it is not said which question is answered"
    raise UsageError(
        told,
        where=f"--answer {item[:60]}",
        fix=f"begin with one of: {', '.join(f'{key}=' for key in meant or waiting)}",
    )
