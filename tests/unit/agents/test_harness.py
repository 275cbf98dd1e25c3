"""Which program an agent is, by the marks that programs send."""

import pytest

from weir_agents.harness import HARNESSES, NO_MARKS, Marks, is_summary, own_words, read_marks

CLAUDE = "You are Claude Code, Anthropic's official CLI for Claude."
BILLED = "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli; cc_is_subagent=true;\n"


@pytest.mark.parametrize(
    ("headers", "system", "user", "expected"),
    [
        ({"user-agent": "claude-cli/2.1.197 (external, cli)"}, "", "", Marks("claude-code")),
        ({}, CLAUDE, "", Marks("claude-code")),
        ({}, BILLED + CLAUDE, "", Marks("claude-code", subagent=True)),
        ({}, CLAUDE, '{"parent_session_id":"0"}', Marks("claude-code", subagent=True)),
        ({"x-claude-code-agent-id": "a1"}, CLAUDE, "", Marks("claude-code", subagent=True)),
        ({"x-claude-code-agent-id": "main"}, CLAUDE, "", Marks("claude-code")),
        ({"originator": "codex_exec"}, "", "", Marks("codex")),
        ({"user-agent": "codex_cli_rs/0.171.0 (Debian)"}, "", "", Marks("codex")),
        (
            {"originator": "codex_cli_rs", "x-openai-subagent": "review"},
            *("", ""),
            Marks("codex", subagent=True),
        ),
        ({"user-agent": "opencode/1.4.0"}, "", "", Marks("opencode")),
        (
            {"user-agent": "opencode/1.4.0", "x-parent-session-id": "ses_1"},
            *("", ""),
            Marks("opencode", subagent=True),
        ),
        ({"user-agent": "OpenAI/Python 2.1", "x-title": "Cline"}, "", "", Marks("cline")),
        (
            {"user-agent": "litellm/1.80"},
            "Act as an expert software developer.",
            "",
            Marks("aider"),
        ),
        (
            {},
            *("You can interact multiple times with a computer shell to solve tasks.", ""),
            Marks("mini-swe"),
        ),
        ({"user-agent": "curl/8"}, "Be brief.", "ann", NO_MARKS),
        ({"x-openai-subagent": "false"}, "", "", NO_MARKS),
    ],
)
def test_marks_are_read(headers: dict[str, str], system: str, user: str, expected: Marks) -> None:
    assert read_marks(headers, system, user) == expected
    assert expected.harness in HARNESSES


def test_what_a_program_inserts_is_not_the_users() -> None:
    reminder = "<system-reminder>\nA file changed.\n</system-reminder>"
    assert own_words(f"{reminder}\n{reminder}\nFix it.") == "Fix it."
    assert own_words(f"Fix it.\n{reminder}") == "Fix it.\n"
    assert own_words("<system-reminder>never closed") == ""
    assert own_words("<environment_context>\n<cwd>/tmp</cwd>") == ""
    assert own_words("What does <environment_context> mean?").startswith("What")


def test_summaries_are_known() -> None:
    assert is_summary("This session is being continued from a previous conversation that ran out")
    assert is_summary("\nAnother language model started to solve this problem and produced a")
    assert not is_summary("Summarise this session.")
