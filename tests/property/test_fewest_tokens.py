"""The quick bound on how few tokens a text can have, whatever the text."""

from hypothesis import given
from hypothesis import strategies as st

from ensemble.models.fit import fewest_at_most, fewest_tokens

TEXTS = st.text(st.sampled_from(" \n_-=.aZ09ß中\U0001f600"), max_size=80) | st.text(max_size=80)


@given(st.lists(TEXTS, max_size=3))
def test_the_quick_bound_is_never_below_the_count(texts: list[str]) -> None:
    messages = [{"content": text} for text in texts]

    assert fewest_at_most(messages) >= fewest_tokens(messages)
