"""One case of what the resources refuse; the cases are beside."""

from dataclasses import dataclass

from support.resources import Wire, backend, changed, policy


@dataclass(frozen=True)
class Case:
    """One change that makes a good resource bad."""

    name: str
    document: Wire
    at: str
    message: str
    server: str = ""  # empty: the very same message

    @property
    def server_message(self) -> str:
        """What the API server's answer must hold."""
        return self.server or self.message


def policy_case(
    name: str, path: str, value: object, at: str, message: str, server: str = ""
) -> Case:
    """A good policy with one value replaced."""
    return Case(name, changed(policy(), path, value), at, message, server)


def backend_case(
    name: str, path: str, value: object, at: str, message: str, server: str = ""
) -> Case:
    """A good backend with one value replaced."""
    return Case(name, changed(backend(), path, value), at, message, server)
