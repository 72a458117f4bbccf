"""The guard that keeps tests from calling models by accident, tried on the clients it guards."""

import os
import socket
from pathlib import Path

import pytest

from ensemble.config import Settings, load_settings


@pytest.mark.filterwarnings("ignore")  # litellm's own types warn
async def test_a_litellm_call_to_a_provider_fails_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")

    with pytest.raises(pytest.fail.Exception, match=r"a live call to api\.openai\.com"):
        await litellm.acompletion(
            model="openai/gpt-4o-mini",
            messages=[{"role": "user", "content": "hello"}],
            api_key="none",
            max_retries=0,
        )


async def test_an_ollama_call_to_another_computer_fails_the_test() -> None:
    import ollama

    with pytest.raises(pytest.fail.Exception, match=r"a live call to models\.example"):
        await ollama.AsyncClient(host="http://models.example:80").list()


def test_an_ollama_that_runs_here_is_not_there_for_a_test() -> None:
    with pytest.raises(ConnectionRefusedError, match="no Ollama"):
        socket.create_connection(("127.0.0.1", 11434), timeout=1)


def test_a_server_on_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        with socket.create_connection(address, timeout=1) as client:
            reached = client.getpeername()

    assert reached == address


def test_a_name_that_never_resolves_is_an_ordinary_failure() -> None:
    with pytest.raises(socket.gaierror):
        socket.create_connection(("nowhere.invalid", 80), timeout=1)


def test_the_settings_of_the_user_are_not_read() -> None:
    assert Path(os.environ["ENSEMBLE_CONFIG"]).read_text() == ""
    assert load_settings() == Settings()


def test_no_key_of_a_provider_is_left_in_the_environment() -> None:
    kept = [name for name in os.environ if name.endswith("_API_KEY")]

    assert kept == []
