"""The kinds of tools that agents' programs have."""

from enum import StrEnum


class ToolKind(StrEnum):  # a str, as its hash is computed in C
    """What a call does."""

    READ = "read"
    SEARCH = "search"
    EDIT = "edit"
    TEST = "test"
    SHELL = "shell"  # a command of no kind above
    WEB = "web"
    PLAN = "plan"
    TASK = "task"  # starts another agent
    SUBMIT = "submit"  # ends the run
    OTHER = "other"
