"""What a model's message says of the work: done, in doubt, tests pass, a question."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

_TAIL: Final = 1500  # characters of a message that are read
_REMEMBERED: Final = 2048

_DONE: Final = re.compile(
    r"\b(?:(?:is|are|has been|have been|all|now|task|work|implementation|everything)\s+(?:now\s+)?"
    r"(?:complete[d]?|done|finished|implemented|fixed|resolved|working)"
    r"|successfully\s+\w+(?:ed|t)\b|i(?:'ve| have)\s+(?:now\s+)?(?:successfully\s+)?"
    r"(?:completed|finished|implemented|fixed|resolved|added|updated|created|made|written)"
    r"|all (?:the )?tests (?:now )?pass|ready for review|summary of (?:the )?changes"
    r"|готово|выполнен[аоы]?|успешно|завершен[аоы]?|создан[аоы]?|完成|已修复|erledigt|fertig"
    r"|abgeschlossen|terminé|terminado|listo|completado)",
    re.IGNORECASE,
)
_TESTS_PASS: Final = re.compile(
    r"\b(?:all\s+)?(?:\d+\s+)?(?:of\s+)?(?:the\s+|existing\s+|unit\s+|new\s+)*tests?\s+(?:\w+\s+){0,3}?"
    r"(?:pass(?:es|ed|ing)?|succeed(?:s|ed)?|green)\b",
    re.IGNORECASE,
)
_DOUBT: Final = re.compile(
    r"\b(?:maybe|perhaps|might|possibly|probably|seems?|appears?|not sure|unclear|unfortunately"
    r"|i'm not|cannot|can't|couldn't|unable|however|hmm|wait|actually|let me try (?:again|another"
    r"|a different)|still (?:fail|not)|strange|odd|weird|unexpected|apologi[sz]e|sorry|confus\w+"
    r"|another approach|different approach|try again|instead)\b",
    re.IGNORECASE,
)
_QUESTION_MARKS: Final = ("?", "\uff1f", "\u061f")


class Wording(NamedTuple):
    """What one message says."""

    done: bool
    claims_tests: bool
    doubts: int
    asks: bool


NOTHING: Final = Wording(done=False, claims_tests=False, doubts=0, asks=False)


def wording(text: str) -> Wording:
    """Read the end of a message: there it says how the work stands."""
    return _wording(text[-_TAIL:]) if text else NOTHING


@lru_cache(maxsize=_REMEMBERED)
def _wording(text: str) -> Wording:
    return Wording(
        done=_DONE.search(text) is not None,
        claims_tests=_TESTS_PASS.search(text) is not None,
        doubts=len(_DOUBT.findall(text)),
        asks=text.rstrip().endswith(_QUESTION_MARKS),
    )
