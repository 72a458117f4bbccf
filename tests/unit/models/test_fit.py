"""Whether a prompt fits, and what gives way where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from benchmarks.texts import CHINESE, CSV, GERMAN, RECORDS
from ensemble.models.fit import (
    counted,
    fewest_tokens,
    most_tokens,
    refuse_misfit,
    shortened,
    surely_fits,
)
from ensemble.models.messages import plain
from ensemble.models.provider import Failure, ModelCall, ModelFailure, Params

LONG = "L1 cross_validate: accuracy 0.9312, 0.8120, 0.7766, 0.9120, 0.8771"
BRIEF = "L1 cross_validate: ok (figures left out)"
OTHER = ("L2 check_data: rows 1797, classes 10, duplicates 0", "L2 check_data: ok")


def a_call(*messages: BaseMessage, max_tokens: int = 100) -> ModelCall:
    return ModelCall(
        "k", messages, params=Params(max_tokens=max_tokens), gives_way=((LONG, BRIEF), OTHER)
    )


def texts(call: ModelCall | None) -> list[str]:
    assert call is not None
    return [str(message.content) for message in call.messages]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("word", 1),
        ("measurements", 2),
        ("2026", 4),
        ("a.b", 3),
        ("a\n    b", 4),
        ("ä", 1),
        ("评", 2),
    ],
)
def test_a_text_is_counted_by_classes_of_characters(text: str, tokens: int) -> None:
    empty = counted([{"content": ""}])

    assert counted([{"content": text}]) - empty == tokens


@pytest.mark.parametrize(
    ("text", "in_vocabularies"),
    [
        (GERMAN, (452, 368, 492, 656)),
        (CHINESE, (824, 520, 696, 1352)),
        (CSV, (2109, 2109, 2103, 3200)),
        (RECORDS, (2522, 2522, 2452, 3933)),
        ("=" * 70 + "\n", (2, 3, 3, 4)),
    ],
    ids=["German", "Chinese", "CSV", "JSON", "a rule"],
)
def test_no_vocabulary_has_fewer_tokens_than_the_fewest_nor_more_than_the_most(
    text: str, in_vocabularies: tuple[int, ...]
) -> None:
    """The counts are those of cl100k, o200k, Claude 2 and SmolLM2."""
    messages = [{"content": text}]

    assert fewest_tokens(messages) <= min(in_vocabularies)
    assert 4 * fewest_tokens(messages) >= max(in_vocabularies)
    assert max(in_vocabularies) <= most_tokens(messages)


@given(st.text(), st.integers(1, 4000))
def test_what_surely_fits_is_never_refused(text: str, window: int) -> None:
    call = a_call(HumanMessage(text))
    assert counted(plain(call.messages)) <= 8 + len(text.encode())

    if surely_fits(call, window):
        refuse_misfit(call, window)


def test_a_prompt_that_leaves_the_answer_no_room_does_not_fit() -> None:
    call = a_call(HumanMessage("word " * 900))

    refuse_misfit(call, 1008)

    with pytest.raises(ModelFailure, match="about 908 prompt tokens and 100 for the answer") as no:
        refuse_misfit(call, 1000)
    assert (no.value.kind, no.value.over) == (Failure.CONTEXT, 8)


def test_the_models_own_tokenizer_has_the_last_word() -> None:
    call = a_call(HumanMessage("word " * 900))

    refuse_misfit(call, 1000, tokens=900)

    with pytest.raises(ModelFailure, match=r"^901 prompt tokens"):
        refuse_misfit(call, 1000, tokens=901)


def test_no_more_gives_way_than_has_to() -> None:
    call = a_call(HumanMessage(f"Known: {LONG}\n{OTHER[0]}"))

    shorter = shortened(call, over=5)

    assert texts(shorter) == [f"Known: {BRIEF}\n{OTHER[0]}"]
    assert shorter is not None
    assert texts(shortened(shorter, over=5)) == [f"Known: {BRIEF}\n{OTHER[1]}"]


def test_where_nobody_counted_all_gives_way_that_may() -> None:
    call = a_call(HumanMessage(f"Known: {LONG}"), HumanMessage(f"{OTHER[0]}, and {LONG}"))

    shorter = shortened(call, over=None)

    assert texts(shorter) == [f"Known: {BRIEF}", f"{OTHER[1]}, and {BRIEF}"]
    assert shorter is not None
    assert shortened(shorter, over=None) is None


def test_nothing_gives_way_in_the_system_prompt_or_in_a_models_own_words() -> None:
    call = a_call(SystemMessage(LONG), AIMessage(LONG), HumanMessage("Is it sound?"))

    assert shortened(call, over=None) is None
