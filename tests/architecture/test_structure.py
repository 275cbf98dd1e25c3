"""How the code is laid out and how long its pieces are: docs/architecture.md as tests."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "runtime",
    "agents",
    "wires",
    "policy",
    "gateway",
    "scorer",
    "operator",
    "library",
    "cli",
    "lab",
)
GENERATED = ROOT / "proto" / "weir_proto"
MAX_FILE_LINES = 400
MAX_TEST_FILE_LINES = 600  # tables of cases are long
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
# A lint exemption is followed by a dash and its reason, a type exemption by its codes and one.
EXEMPTION = re.compile(r"#\s*(noqa|type: ignore|pyright: ignore)(?P<rest>.*)$")
REASONED = re.compile(r"^(: [A-Z]+\d+(, ?[A-Z]+\d+)* - \S.+|\[[\w, -]+\]\s+(#|-) ?\S.+)$")


@cache
def tracked(suffix: str = ".py") -> tuple[Path, ...]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", f"*{suffix}"],  # noqa: S607 - git is on PATH wherever this repository is
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = (ROOT / line for line in listing.splitlines())
    return tuple(path for path in files if path.is_file() and GENERATED not in path.parents)


@cache
def product() -> tuple[tuple[Path, ast.Module], ...]:
    ours = (path for path in tracked() if path.relative_to(ROOT).parts[0] in PACKAGES)
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in ours)


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path, tree in product() if ast.get_docstring(tree) is None]
    assert not silent


def test_files_do_one_thing() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked()}
    ours = {p: n for p, n in lengths.items() if p.relative_to(ROOT).parts[0] in PACKAGES}
    assert not {path: n for path, n in ours.items() if n > MAX_FILE_LINES}
    assert not {path: n for path, n in lengths.items() if n > MAX_TEST_FILE_LINES}
    assert median(ours.values()) <= 150


def test_functions_are_short() -> None:
    lengths = [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.name}:{node.name}")
        for path, tree in product()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not [entry for entry in lengths if entry[0] > MAX_FUNCTION_LINES]
    assert quantiles([n for n, _ in lengths], n=10)[-1] <= 25


def test_the_gateways_files_have_a_readable_size() -> None:
    """A file per function costs a reader more than a function; packages' docstrings don't count."""
    lengths = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path, _ in product()
        if path.relative_to(ROOT).parts[0] == "gateway" and path.name != "__init__.py"
    ]
    assert 110 <= median(lengths) <= 160
    assert sum(length < 60 for length in lengths) <= 0.15 * len(lengths)


def test_parameter_lists_are_short() -> None:
    """At most six, but for click commands: one parameter per option."""
    long = [
        f"{path.name}:{node.name}"
        for path, tree in product()
        if path.relative_to(ROOT).parts[0] in {"gateway", "wires", "policy"}
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for arguments in [[*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
        if len([each for each in arguments if each.arg not in {"self", "cls"}]) > MAX_PARAMETERS
    ]
    assert not long


def test_every_exemption_has_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := EXEMPTION.search(line)) and not REASONED.match(match["rest"])
    ]
    assert not bare


def test_the_operator_folder_never_shadows_the_standard_library() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_our_own_imports_stand_at_the_top() -> None:
    """A first-party import inside a function hides a cycle; the CLI's lazy commands are none."""
    hidden = [
        f"{path.name}:{inner.lineno}"
        for path, tree in product()
        if path.relative_to(ROOT).parts[0] != "cli"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(function)
        if isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith("weir_")
    ]
    assert not hidden


def test_no_file_carries_the_path_of_a_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(home|root|Users)/[A-Za-z]")
    texts = [path for suffix in (".py", ".md", ".yaml", ".toml") for path in tracked(suffix)]
    found = [
        str(path)
        for path in texts
        if path != Path(__file__) and pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert not found
