from __future__ import annotations

import pytest

from soar.models import ModelError
from soar.models.vllm.name import VllmName, option


def test_options_follow_the_name_and_placement_is_no_part_of_it() -> None:
    parsed = VllmName.parse("Org/Model --data-parallel-size 4 -tp=2 --dtype float32 --merge")
    assert (parsed.source, parsed.merge, parsed.address) == ("Org/Model", True, None)
    assert parsed.options == ("--data-parallel-size", "4", "-tp=2", "--dtype", "float32")
    assert parsed.name == "vllm:Org/Model --dtype float32"
    assert option(parsed.options, "--data-parallel-size", "-dp") == "4"
    assert option(parsed.options, "--tensor-parallel-size", "-tp") == "2"
    assert option(parsed.options, "--seed") is None


def test_a_running_server_is_named_by_its_address_and_recorded_without_it() -> None:
    parsed = VllmName.parse("Org/Model@https://host:8000/v1")
    assert (parsed.source, parsed.address) == ("Org/Model", "https://host:8000/v1")
    assert parsed.name == VllmName.parse("Org/Model").name


def test_folders_may_hold_spaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("my models")
    assert VllmName.parse(str(folder)).source == str(folder)
    assert VllmName.parse(f"'{folder}' --dtype half").options == ("--dtype", "half")


@pytest.mark.parametrize("text", ["Org/Model --dtype half@http://host:8000", "--dtype half", "@http://host:8000"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        VllmName.parse(text)
