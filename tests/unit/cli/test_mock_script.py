"""The stand-in's script: answers written down beforehand, read strictly."""

from pathlib import Path

import pytest

from weir_cli.mock_provider.config import BadScript, read_script, script_line


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text(
        script_line("small", "why\n?", "because") + "\n" + script_line("large", "why\n?", "so")
    )
    assert read_script(path) == {("small", "why\n?"): "because", ("large", "why\n?"): "so"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "script.jsonl:2: not a JSON object"),
        ("{", "script.jsonl:2: not JSON"),
        ('{"model": "a", "prompt": 1, "answer": "c"}', "script.jsonl:2: needs the texts"),
    ],
)
def test_what_is_wrong_is_said_by_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text(script_line("a", "b", "c") + text + "\n")
    with pytest.raises(BadScript, match=said):
        read_script(path)
