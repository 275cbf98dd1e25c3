"""What a shell's command does: the strongest of its parts counts."""

import re
from collections.abc import Mapping
from typing import Final

from weir_agents.tool_kind import ToolKind

_MOST_PARTS: Final = 40
_COMMAND: Final = re.compile(
    r'"(?:command|cmd|script|code|input|commands)"\s*:\s*(?P<value>"(?:[^"\\]|\\.)*+"?|\[[^\]]*+\]?)'
)
_ESCAPES: Final = {"\\n": "\n", "\\t": " ", '\\"': '"', "\\\\": "\\", "\\/": "/"}
_ESCAPE: Final = re.compile(r'\\[nt"\\/]')
_SEPARATOR: Final = re.compile(r"\s*(?:&&|\|\||;|\||\n)\s*")
_BEFORE: Final = re.compile(
    r"^(?:\(|\{\s|sudo\s+|time\s+|exec\s+|nohup\s+|then\s+|do\s+|else\s+|!\s+"
    r"|env\s+(?:-\S+\s+)*|timeout\s+(?:-\S+\s+)*\S+\s+|[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|\S*)\s+"
    r"|(?:ba|z)?sh\s+-l?c\s+['\"]?|(?:uv|poetry|pipenv|pdm|hatch)\s+run\s+(?:-\S+\s+)*|npx\s+(?:-\S+\s+)*"
    r"|bundle\s+exec\s+|(?:\S*/)?python[\d.]*\s+(?:-[A-Zbdiqsuvx]+\s+)*-m\s+)+"
)
_SUBMITS: Final = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")
_TEST: Final = re.compile(
    r"(?:\S*/)?(?:py\.?test|tox|nox|unittest|nose2?|jest|vitest|mocha|ava|karma|ctest|rspec"
    r"|phpunit|trial|bats|behave|robot)\b"
    r"|(?:cargo|go|swift|mix|sbt|zig|dotnet|deno|bazel|flutter|dart|stack|cabal|lein|gleam|rake"
    r"|forge|(?:\./)?(?:mvnw?|gradlew?))\s+(?:\S+\s+){0,4}?(?:build\s+)?\S*(?:test|check|verify|nextest)\b"
    r"|(?:npm|yarn|pnpm|bun)\s+(?:run\s+|run-script\s+|--\S+\s+)*(?:test|t|jest|vitest)\b"
    r"|make\s+(?:-\S+\s+)*\S*(?:test|check)\b"
    r"|(?:python[\d.]*\s+)?\S*(?:manage\.py\s+test|runtests?(?:\.py|\.sh)?|run_tests?(?:\.\w+)?)\b"
    r"|(?:python[\d.]*|node|ruby|php)\s+\S*(?:\btests?/\S+|\btest_\S+|_test\.\w+|\.test\.\w+)"
    r"|(?:python[\d.]*\s+)?(?:\./)?(?:bin|scripts?)/tests?\b"
)
_EDIT: Final = re.compile(
    r"(?:g?sed|perl|ruby)\s+(?:-\S+\s+)*-\w*i|apply_patch|patch\b|git\s+(?:apply|am|mv|rm|revert"
    r"|cherry-pick|restore|stash|reset|checkout\s+(?:\S+\s+)?(?:--|\S*[./]))"
    r"|tee\b|mv\b|cp\b|rm\b|touch\b|ln\b"
    r"|dd\b|install\s+-|truncate\b|ed\b|ex\s|unzip\b|gofmt\s+-w|black\b|prettier\s+.*--write"
)
# Into a file: not into a descriptor, the null device or a comparison's `=>`.
_INTO_FILE: Final = re.compile(r"(?<![=\-<>&\d])\d?>>?\s*(?!&|/dev/null|\s|=|>)[\w./~\"'$]")
_WRITES: Final = re.compile(
    r"\.write_text\(|open\([^)\n]{0,200},\s*['\"][wa]|writeFileSync|\.write\(|fs\.writeFile"
)
# The text given to a command with `<<END` is not part of it; an end that was cut off ends nowhere.
_HEREDOC: Final = re.compile(
    r"<<-?\s*\\?['\"]?(?P<end>\w+)['\"]?(?P<rest>[^\n]*)\n"
    r"(?:(?:.*?\n)??[ \t]*(?P=end)(?=\s|\Z)|.*\Z)",
    re.DOTALL,
)
_SEARCH: Final = re.compile(
    r"(?:\S*/)?(?:grep|egrep|fgrep|rg|ag|ack|find|fd|locate|which|whereis|git\s+(?:grep|ls-files))\b"
)
_READ: Final = re.compile(
    r"(?:\S*/)?(?:cat|bat|head|tail|less|more|ls|tree|nl|wc|file|stat|pwd|od|xxd|hexdump|strings|du"
    r"|df|diff|cmp|jq|yq|sed|awk|cut|sort|uniq|column|echo|printf|env|printenv|whoami|uname|id|date"
    r"|git\s+(?:-C\s+\S+\s+|--no-pager\s+)*(?:diff|log|show|status|blame|branch|remote|rev-parse))\b"
)
_WEB: Final = re.compile(r"(?:\S*/)?(?:curl|wget|http|lynx|w3m)\s")
_ORDER: Final = (
    (ToolKind.TEST, _TEST),
    (ToolKind.EDIT, _EDIT),
    (ToolKind.WEB, _WEB),
    (ToolKind.SEARCH, _SEARCH),
    (ToolKind.READ, _READ),
)
_STRENGTH: Final = (
    ToolKind.TEST,
    ToolKind.EDIT,
    ToolKind.SHELL,
    ToolKind.WEB,
    ToolKind.SEARCH,
    ToolKind.READ,
)
_NEUTRAL: Final = re.compile(
    r"(?:cd|export|set|source|\.|true|:|sleep|conda|pushd|popd|#.*)(?:\s|$)"
)


_COMMON: Final[Mapping[ToolKind, str]] = {
    ToolKind.SEARCH: "grep egrep fgrep rg ag ack find fd locate which",
    ToolKind.READ: """cat bat head tail less more ls tree nl wc file stat pwd sed awk cut sort uniq
        echo printf diff jq""",
    ToolKind.EDIT: "mv cp rm touch tee patch apply_patch ln",
    ToolKind.TEST: "pytest py.test tox nox jest vitest mocha rspec phpunit",
    ToolKind.WEB: "curl wget",
}
_WORDS: Final = {word: kind for kind, words in _COMMON.items() for word in words.split()}
_QUOTED: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_IN_PLACE: Final = re.compile(r"(?:^|\s)(?:-\w*i|--in-place)")


def command_of(arguments: str) -> str:
    """The command in a call's arguments: their JSON field, or the text itself."""
    found = _COMMAND.search(arguments) if arguments.lstrip()[:1] in {"{", "["} else None
    if found is None:
        return arguments
    value = found["value"]
    if value.startswith("["):
        value = value.strip("[]").replace('","', " ").replace('", "', " ")
    return _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], value.strip('"'))


def command_kind(arguments: str) -> ToolKind:
    """What the command in a shell's arguments does."""
    command = command_of(arguments)
    if any(mark in command for mark in _SUBMITS):
        return ToolKind.SUBMIT
    if _HEREDOC.search(command):
        if _WRITES.search(command):
            return ToolKind.EDIT
        command = _HEREDOC.sub(r"\g<rest>", command)
    kinds = {kind for part in _parts(command) if (kind := _part_kind(part)) is not None}
    return next((kind for kind in _STRENGTH if kind in kinds), ToolKind.SHELL)


def _parts(command: str) -> list[str]:
    return _SEPARATOR.split(command.strip(), _MOST_PARTS)


def _part_kind(part: str) -> ToolKind | None:
    """What one part does; None where it only prepares."""
    part = part.strip()
    kind = _plain_kind(part)
    if kind is None:
        part = _BEFORE.sub("", part)
        if not part or _NEUTRAL.match(part):
            return None
        found = (kind for kind, pattern in _ORDER if pattern.match(part))
        kind = next(found, ToolKind.SHELL)
    if kind is not ToolKind.TEST and ">" in part and _INTO_FILE.search(_QUOTED.sub("", part)):
        return ToolKind.EDIT
    return kind


def _plain_kind(part: str) -> ToolKind | None:
    """What a common command does, by its first word; None where that doesn't tell."""
    word, _, rest = part.partition(" ")
    kind = _WORDS.get(word.rpartition("/")[2])
    if word == "sed" and _IN_PLACE.search(rest):
        return ToolKind.EDIT
    return kind
