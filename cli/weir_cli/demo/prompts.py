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


PROMPTS: tuple[Prompt, ...] = (
    Prompt("Hi! How are you?"),
    Prompt("What is the capital of Australia?"),
    Prompt("Translate 'good morning' into French."),
    Prompt("Write a haiku about a river in autumn."),
    Prompt("Evaluate the integral of x^2 exp(-x^2) from 0 to infinity and justify every step."),
    Prompt(
        "A city taxes soda at 20 cents a litre. Demand is Q = 100 - 2P, supply is Q = 3P - 20. "
        "Find the incidence on buyers and sellers, the deadweight loss and the revenue."
    ),
    Prompt(
        "A train leaves A at 9:00 at 80 km/h and another leaves B, 330 km away, at 9:45 at 120 "
        "km/h. They meet, wait 12 minutes, and return at 3/4 of their speeds. When is each home "
        "again?"
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
