"""What a call does, by the tool's name and a shell's command."""

import json

import pytest

from weir_agents.shell import command_of
from weir_agents.tool_kind import ToolKind
from weir_agents.tools import read_call
from weir_agents.turns import Call

COMMANDS = {
    ToolKind.READ: [
        *("cat a.py", "ls -la", "sed -n 1,80p a.py", "head -50 a.py", "cd src && cat a.py"),
        *("git diff HEAD~1", "git --no-pager log -3", "/bin/cat a", "nl -ba a.py | sed -n 1,5p"),
        *("find_me=1 cat a", "cat a 2>/dev/null", "cat a 2>&1", "sudo cat /etc/hosts", "pwd; ls"),
    ],
    ToolKind.SEARCH: [
        *("grep -rn parse .", "rg 'a => b' src", "find . -name '*.py' | head", "git grep x"),
        *("cd /work && grep -n x a.py | wc -l", "timeout 10 grep -r x /"),
    ],
    ToolKind.EDIT: [
        *("sed -i 's/a/b/' a.py", "echo x > a.txt", "cat <<'EOF' > a.py\nimport os\nEOF"),
        *("cat > a.py <<EOF\npytest\nEOF", "git apply fix.patch", "rm -rf build", "mv a b"),
        *("python - <<'EOF'\nopen('a', 'w').write('x')\nEOF", "echo a >> b && ls", "tee a < b"),
        *("git checkout src/a.py", "apply_patch <<'P'\n*** Begin Patch\nP", "perl -pi -e s/a/b/ a"),
    ],
    ToolKind.TEST: [
        *("pytest -q", "python -m pytest tests/test_a.py", "cd x && python3 -m unittest"),
        *("cargo test --all", "go test ./...", "npm test", "npm run test -- a", "yarn test"),
        *("make check", "mvn -q test", "./gradlew test", "uv run pytest", "poetry run pytest -x"),
        *("python manage.py test", "./tests/runtests.py x", "python bin/test a", "tox -e py"),
        *("python tests/test_a.py", "cat <<E > test_a.py\nx\nE\npytest test_a.py", "npx jest"),
        *(
            "bash -lc 'pytest -q'",
            "CI=1 pytest",
            "pytest -q > log.txt",
            "/usr/bin/python3 -m pytest",
        ),
    ],
    ToolKind.SHELL: [
        *("python a.py", "npm install", "git commit -m 'pytest > cat'", "make", "./run.sh"),
        *("pip install -e . && python -c 'print(1)'", "docker build .", "git checkout main"),
    ],
    ToolKind.WEB: ["curl -s https://example.com", "wget x"],
    ToolKind.SUBMIT: ["echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git diff"],
}
NAMES = {
    ToolKind.READ: ["Read", "read_file", "ReadFile", "list_dir", "view_file", "mcp__fs__read_file"],
    ToolKind.EDIT: ["Edit", "Write", "apply_patch", "MultiEdit", "replace_in_file", "edit_cell"],
    ToolKind.SEARCH: ["Grep", "Glob", "codebase_search", "search_flights", "searchFiles"],
    ToolKind.TEST: ["run_tests", "RunTests", "pytest"],
    ToolKind.WEB: ["WebFetch", "web_search", "browser_action", "fetch"],
    ToolKind.PLAN: ["TodoWrite", "update_plan", "ExitPlanMode", "think"],
    ToolKind.TASK: ["Task", "Agent", "spawn_agent", "new_task"],
    ToolKind.SUBMIT: ["submit", "finish", "attempt_completion"],
    ToolKind.OTHER: ["get_user_details", "run_speed_test", "", "x" * 5000, "\ud800"],
}


@pytest.mark.parametrize(
    ("command", "kind"), [(command, kind) for kind, many in COMMANDS.items() for command in many]
)
def test_a_command_does_what_its_strongest_part_does(command: str, kind: ToolKind) -> None:
    written = (
        Call("", "Bash", json.dumps({"command": command, "description": "x"})),
        Call("", "bash", command),
        Call("", "exec_command", json.dumps({"cmd": command})),
        Call("", "execute_bash", f'{{"command": {json.dumps(command)}'),  # cut off
    )
    assert [read_call(call).kind for call in written] == [kind] * len(written)
    assert all(read_call(call).by_shell for call in written)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind, many in NAMES.items() for name in many]
)
def test_a_tool_is_known_by_its_name(name: str, kind: ToolKind) -> None:
    assert read_call(Call("1", name, "{}")).kind is kind


def test_a_command_may_be_a_list_of_words() -> None:
    words = '{"command": ["bash", "-lc", "cargo test"]}'
    assert command_of(words) == "bash -lc cargo test"
    assert read_call(Call("1", "shell", words)).kind is ToolKind.TEST


def test_an_editor_reads_or_writes_as_its_argument_says() -> None:
    view, create = '{"command": "view", "path": "a"}', '{"command": "create", "path": "a.py"}'
    assert read_call(Call("", "str_replace_editor", view)).kind is ToolKind.READ
    made = read_call(Call("", "str_replace_based_edit_tool", create))
    assert (made.kind, made.file) == (ToolKind.EDIT, "a.py")


def test_the_same_call_has_the_same_key() -> None:
    first, other = Call("1", "bash", "ls"), Call("2", "bash", "ls")
    assert read_call(first).key == read_call(other).key
    assert read_call(first).key != read_call(Call("1", "bash", "ls -l")).key
    long, longer = Call("1", "Edit", "x" * 9000), Call("1", "Edit", "x" * 9001)
    assert read_call(long).key != read_call(longer).key
