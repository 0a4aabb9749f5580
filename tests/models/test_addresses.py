from __future__ import annotations

import pytest

from soar.models import ModelError, open_model
from soar.models.openai.addresses import checked_url, is_loopback, split_name
from soar.models.openai.model import OpenAIModel
from soar.models.vllm.name import VllmName

MISTYPED = {
    "m@localhost:11434/v1": "m@http://localhost:11434/v1",
    "m@localhost:11434": "m@http://localhost:11434/v1",
    "m@localhost": "m@http://localhost/v1",
    "m@10.0.0.3:8000": "m@http://10.0.0.3:8000/v1",
    "m@[::1]:8000/v1/": "m@http://[::1]:8000/v1",
    "m@:8000": "m@http://localhost:8000/v1",
    "m@gpu-host:8000": "m@http://gpu-host:8000/v1",
    "m@gpu-host/v1": "m@http://gpu-host/v1",
    "m@api.example.com/openai/v1": "m@https://api.example.com/openai/v1",
    "m@http:/localhost:80/v1": "m@http://localhost:80/v1",
    "m@http//localhost:80/v1": "m@http://localhost:80/v1",
    "m@htttps://h.example.com/v1": "m@https://h.example.com/v1",
    "m@https:h.example.com": "m@https://h.example.com/v1",
    "m@//10.0.0.3:8000": "m@http://10.0.0.3:8000/v1",
    "m@ws://h:80": "m@http://h:80/v1",
    "qwen3:8b@localhost:1/v1": "qwen3:8b@http://localhost:1/v1",
    "@cf/meta/llama@localhost:1": "@cf/meta/llama@http://localhost:1/v1",
}
NAMES = [
    "m", "qwen3:8b", "@cf/meta/llama-3.1-8b", "gemma@q4_k_m", "claude@20240620", "openai/gpt-4o@preset/foo", "m@latest",
    "text-bison@001", "m@1.0", "Org/Model@main", "@hf/org.ai/m",
]  # fmt: skip


@pytest.mark.parametrize("text", MISTYPED)
def test_what_looks_like_an_address_is_no_part_of_a_name(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-must-see-this-key")
    for make in (lambda: open_model(f"openai:{text}"), lambda: OpenAIModel(text)):
        with pytest.raises(ModelError) as caught:
            make()
        assert str(caught.value).endswith(f"did you mean 'openai:{MISTYPED[text]}'?")
    meant = MISTYPED[text]
    assert "@".join(map(str, split_name("openai", meant))) == meant  # what is offered is right
    with pytest.raises(ModelError, match="did you mean 'vllm:"):
        VllmName.parse(text)


@pytest.mark.parametrize("name", NAMES)
def test_names_may_hold_an_at_sign(name: str) -> None:
    assert split_name("openai", name) == (name, None)
    assert split_name("openai", f"{name} @ HTTPS://Host:1/v1") == (name, "HTTPS://Host:1/v1")
    assert VllmName.parse(name).source == name


def test_an_address_needs_a_model_and_shows_no_password() -> None:
    for text in ("@localhost:11434/v1", "@http://h/v1"):
        with pytest.raises(ModelError, match="names no model"):
            open_model(f"openai:{text}")
    with pytest.raises(ModelError, match="'openai:MODEL@http://host:80/v1'") as caught:
        open_model("openai:m@user:geheim@host:80/v1")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("localhost:11434/v1", r"OPENAI_BASE_URL: no http address: did you mean http://localhost:11434/v1\?"),
        ("api.example.com/v1", r"did you mean https://api.example.com/v1\?"),
        ("user:geheim@host:80", r"did you mean http://host:80\?"),
        ("sk-geheim-key", r"did you mean one like"),
        ("http://h/v1/chat/completions/", r"give the address before it, http://h/v1$"),
        ("http://u:geheim@h/v1", "may hold no user"),
    ],
)
def test_a_base_url_that_is_none_is_put_right(given: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", given)
    with pytest.raises(ModelError, match=says) as caught:
        OpenAIModel("m")
    assert "geheim" not in str(caught.value)


def test_addresses_are_written_in_one_way() -> None:
    assert checked_url(" HTTP://Host:8000/V1/ ") == "http://host:8000/V1"
    assert checked_url("https://api.openai.com:443/v1") == "https://api.openai.com/v1"


def test_this_machine_is_told_by_what_an_address_says() -> None:
    here = ("localhost", "LOCALHOST.", "api.localhost", "127.0.0.1", "127.8.8.8", "127.1", "2130706433", "0x7f.1")
    assert all(map(is_loopback, (*here, "[::1]", "::1", "::ffff:127.0.0.1", "0.0.0.0", "[::]")))
    there = ("localhost.example.com", "mylocalhost", "10.0.0.1", "128.0.0.1", "::2", "example.org", "")
    assert not any(map(is_loopback, there))
