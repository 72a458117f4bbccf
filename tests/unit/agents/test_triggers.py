"""What calls for an agent: four kinds of pattern in one list, none of them ever run."""

import pytest

from ensemble.agents.triggers import TriggerKind, classify

GLOB, NAME, WORD, SENTENCE = (
    TriggerKind.FILE_GLOB,
    TriggerKind.FILE_NAME,
    TriggerKind.KEYWORD_GLOB,
    TriggerKind.SENTENCE,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("*.pt", GLOB),
        ("**/app/**/*.rb", GLOB),
        ("src/models/", GLOB),
        ("*.test.ts", GLOB),
        ("*_spec.rb", GLOB),
        ("Dockerfile", NAME),
        ("Makefile", NAME),
        ("package.json", NAME),
        (".gitlab-ci.yml", NAME),
        ("*ml*model*", WORD),
        ("*training*", WORD),
        ("kubernetes", WORD),
        ("*deep learning*", WORD),
        ("Slow CI/CD pipelines", SENTENCE),
        ("A release is near", SENTENCE),
    ],
)
def test_a_pattern_is_of_one_kind(text: str, kind: TriggerKind) -> None:
    assert classify(text).kind is kind


@pytest.mark.parametrize(
    ("text", "path", "met"),
    [
        ("*.pt", "weights/best.pt", True),
        ("*.pt", "weights/best.pth", False),
        ("**/app/**/*.rb", "srv/app/models/user.rb", True),
        ("**/app/**/*.rb", "app/user.rb", True),
        ("**/app/**/*.rb", "srv/application/user.rb", False),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/deep/a.py", False),
        ("./src/a?.py", "src/ab.py", True),
        ("src/**", "src/a/b.py", True),
        ("src/", "src/b.py", True),
        ("src/**/b.py", "src/b.py", True),
        ("**/b.py", "a/b.py/c", False),
        ("Dockerfile", "deploy/Dockerfile", True),
        ("Dockerfile", "deploy/Dockerfile.dev", False),
        ("package.json", "web/package.json", True),
        ("*ml*model*", "ml/model.py", False),
        ("Slow CI/CD pipelines", "Slow CI/CD pipelines", False),
        ("a.b", "axb", False),
    ],
)
def test_only_what_is_about_files_meets_a_path(text: str, path: str, *, met: bool) -> None:
    assert classify(text).meets_path(path) is met


@pytest.mark.parametrize(
    ("text", "task", "met"),
    [
        ("*training*", "Is the training loop sound?", True),
        ("*ml*model*", "Judge this ML model", True),
        ("*ml*model*", "A model of ML", False),
        ("*ml*model*", "ML is fine. The model is not", False),
        ("*train*", "Retrained twice", False),
        ("kubernetes", "Kubernetes ingress", True),
        ("*.pt", "best.pt", False),
        ("Slow CI/CD pipelines", "Slow CI/CD pipelines", False),
        ("***", "anything", False),
    ],
)
def test_only_keywords_meet_a_task(text: str, task: str, *, met: bool) -> None:
    assert classify(text).meets_text(task) is met


def test_a_pattern_of_many_stars_is_matched_at_once() -> None:
    trigger = classify("*a" * 3000 + "/**/**/**/*.x")

    assert trigger.meets_path("a" * 3000 + "/b") is False


def test_one_word_is_not_two_parts_of_a_trigger() -> None:
    trigger = classify("*data*database*")

    assert not trigger.meets_text("Look at the database")
    assert trigger.meets_text("Is the data in the database?")


def test_words_of_any_script_call_for_an_agent() -> None:
    trigger = classify("*машинное*обучение*")

    assert trigger.meets_text("Что такое машинное обучение?")
    assert not trigger.meets_text("Что такое обучение?")
