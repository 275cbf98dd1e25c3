"""Files and folders: what is read, and the file and line of every mistake."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.resources import backend, policy
from weir_operator.files.documents import Broken, documents
from weir_operator.files.load import load

POLICY = """\
apiVersion: weir.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  match: {models: [auto]}
  candidates:
    - backend: weak
    - backend: strong
  objective:
    threshold: 0.5
  rules:
    - {name: a, when: "true", use: weak}
    - name: b
      when: "true"
      used: weak
"""


def write(folder: Path, name: str, text: str) -> Path:
    """A file in `folder`."""
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def told(*paths: Path) -> list[str]:
    """Every mistake as a person reads it, with folders left out."""
    return [str(m).replace(m.file, Path(m.file).name, 1) for m in load(paths).mistakes]


def test_every_mistake_has_file_line_path_and_what_to_write(tmp_path: Path) -> None:
    file = write(tmp_path, "a.yaml", "# first line\n---\n" + POLICY)
    assert told(file) == [
        (
            "a.yaml:12: spec.objective.threshold: must be text, not a number; "
            'write it in quotes: "0.5"'
        ),
        "a.yaml:15: spec.rules[1].use: is required; write a name",
        "a.yaml:17: spec.rules[1].used: unknown field; did you mean use?",
    ]


def test_documents_lists_and_folders_are_read(tmp_path: Path) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": [policy(), backend("weak")]}
    write(tmp_path, "list.yml", yaml.safe_dump(items))
    write(tmp_path, "many.yaml", yaml.safe_dump_all([backend(), None, backend("other")]))
    write(tmp_path, "notes.txt", "not: [yaml")
    write(tmp_path, ".hidden.yaml", "not: [yaml")
    loaded = load([tmp_path, tmp_path / "list.yml"])
    assert loaded.mistakes == ()
    assert len(loaded.resources.policies) == 1
    assert {b.meta.ref.name for b in loaded.resources.backends} == {"weak", "strong", "other"}


def test_one_bad_file_spoils_no_other(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a: [1,\n2\nb: c")
    write(tmp_path, "b.yaml", yaml.safe_dump(backend()))
    write(tmp_path, "c.yaml", "")
    write(tmp_path, "d.yaml", "# only a comment\n---\n")
    loaded = load([tmp_path])
    assert len(loaded.resources.backends) == 1
    found = told(tmp_path)
    assert found[0].startswith("a.yaml:3: is not YAML")
    assert found[1:] == ["c.yaml: is empty; write a resource", "d.yaml: is empty; write a resource"]


def test_what_stands_before_a_break_counts(tmp_path: Path) -> None:
    file = write(tmp_path, "a.yaml", yaml.safe_dump(backend()) + "---\n}\n")
    loaded = load([file])
    assert len(loaded.resources.backends) == 1
    assert len(loaded.mistakes) == 1


def test_the_same_resource_twice_names_the_first(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", yaml.safe_dump(backend()))
    write(tmp_path, "b.yaml", "\n\n" + yaml.safe_dump(backend()))
    (line,) = told(tmp_path)
    assert line.startswith("b.yaml:")
    assert f"ModelBackend shop/strong is written twice, first in {first}:1" in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "x.yaml:3: a: is written twice, first on line 1; remove one of the two",
        ),
        ("a: *nowhere\n", "x.yaml:1: a: there is no anchor &nowhere above"),
        ("a: &x [*x]\n", "x.yaml:1: a[0]: there is no anchor &x above"),
        ("a: !ruby/object x\n", "x.yaml:1: a: has the YAML tag !ruby/object, which is not read"),
        ("- 1\n", "x.yaml:1: must be a resource, not a list"),
        ("just text\n", "x.yaml:1: must be a resource, not text"),
        ("? [a]\n: b\n", "x.yaml:1: has a key that is not plain text"),
        (
            "kind: Deployment\n",
            (
                "x.yaml:1: kind: is not a kind that Weir reads; "
                "known are ModelBackend, RoutePolicy, Secret"
            ),
        ),
    ],
)
def test_yaml_that_is_no_resource(tmp_path: Path, text: str, line: str) -> None:
    assert line in told(write(tmp_path, "x.yaml", text))


def test_merge_keys_are_told_rather_than_dropped(tmp_path: Path) -> None:
    found = told(write(tmp_path, "x.yaml", "a: &a {b: 1}\nc:\n  <<: *a\n"))
    assert any("merge keys (<<) are not read" in line for line in found)


def test_aliases_of_whole_values_are_read(tmp_path: Path) -> None:
    text = yaml.safe_dump(policy()).replace("threshold: '0.5'", "threshold: &t '0.5'")
    text += "  expose: {clientThreshold: {min: *t, max: *t}}\n"
    loaded = load([write(tmp_path, "x.yaml", text)])
    assert loaded.mistakes == ()


def test_what_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xff\n")
    (tmp_path / "empty").mkdir()
    assert told(tmp_path / "none.yaml") == ["none.yaml: cannot be read: No such file or directory"]
    assert told(tmp_path / "latin.yaml") == ["latin.yaml:2: is not UTF-8"]
    assert told(tmp_path / "empty")[0].startswith("empty: holds no *.yaml or *.yml")
    big = write(tmp_path, "big.yaml", "#" * (8 * 1024 * 1024 + 1))
    assert told(big) == ["big.yaml: is larger than 8 MiB"]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 50_000, "{a: " * 20_000])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(Broken, match="nested more than"):
        list(documents(text))


@given(text=st.text(max_size=200) | st.text(alphabet="{}[]&*!:-? \n'\"a1<|>#%@`", max_size=60))
def test_any_text_is_read_or_broken(text: str) -> None:
    with suppress(Broken):
        list(documents(text))
