"""The demo's prompts: easy and hard ones, and one that a rule decides."""

from dataclasses import dataclass, field

_TOOL: dict[str, object] = {
    "type": "function",
    "function": {
        "name": "read_gauge",
        "description": "Read the water level at a gauge, in metres.",
        "parameters": {
            "type": "object",
            "properties": {"gauge": {"type": "string"}},
            "required": ["gauge"],
        },
    },
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a client sends."""

    text: str  # the last user turn
    earlier: tuple[str, ...] = ()  # user turns before it
    tools: tuple[dict[str, object], ...] = field(default=())

    @property
    def title(self) -> str:
        """The text as the table shows it, with what a rule may decide by."""
        if not self.tools:
            return self.text
        # Round brackets: the table's library reads square ones as markup.
        return f"(turn {len(self.earlier) + 1}, tools) {self.text}"

    def body(self, model: str) -> dict[str, object]:
        """The chat completion request."""
        messages: list[dict[str, str]] = []
        for turn in self.earlier:
            messages.append({"role": "user", "content": turn})
            messages.append({"role": "assistant", "content": "Done."})
        messages.append({"role": "user", "content": self.text})
        body: dict[str, object] = {"model": model, "messages": messages, "max_tokens": 300}
        return body | {"tools": list(self.tools)} if self.tools else body


_MAIL = """When is the next meeting? Here is Martha's mail:

Hi all, thanks for joining this morning. The new price list goes to the printer on Thursday. The \
stand at the trade fair is booked, hall 4, next to the café, and Ines orders the banners. Please \
send your travel costs of October to accounting by Friday. Parking behind the building is closed \
on Monday because of the tree work. We meet again on Tuesday, 14 May, at 10:30 in room 2.07."""

PROMPTS: tuple[Prompt, ...] = (
    Prompt("Hi! How are you?"),
    Prompt("What is the capital of Australia?"),
    Prompt("Write a haiku about a river in autumn."),
    # Two pairs of like length: an easy prompt, then a hard one.
    Prompt(
        "Please write a short and friendly note that thanks Anna for the lovely flowers she "
        "brought on Sunday."
    ),
    Prompt(
        "Find all integers n such that n^2 + n + 41 is a perfect square, and prove that there are "
        "no others."
    ),
    Prompt(
        "Please put these words into alphabetical order for me, one per line: pear, apple, fig, "
        "plum, cherry."
    ),
    Prompt(
        "Design a lock-free queue in C for many producers and one consumer, and prove that it "
        "loses nothing."
    ),
    Prompt(_MAIL),  # much text, and a small question at its end
    Prompt(
        "A city taxes soda at 20 cents a litre. Demand is Q = 100 - 2P, supply is Q = 3P - 20. "
        "Find the incidence on buyers and sellers, the deadweight loss and the revenue."
    ),
    Prompt(
        "You are given n points with integer coordinates. In one move you may shift a point by "
        "one unit. Find the least number of moves after which all points lie on one line parallel "
        "to an axis. n <= 100000, |x|, |y| <= 10^9. Give the algorithm, its proof and the code in "
        "Python."
    ),
    Prompt(
        "And the gauge below the bridge?",
        earlier=("Read the gauge at the mill.", "And the one upstream?", "Now the next one."),
        tools=(_TOOL,),
    ),
)
