"""Which requests belong to one session, and which to one agent in it."""

from dataclasses import replace

import pytest

from support.agent_runs import Run, read
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.session import SessionKeys
from weir_gateway.routing.session.keys import CLIENTS_HEADERS, session_keys
from weir_policy.ids import PolicyId

POLICY = PolicyId("shop/agents")
RUN = Run(steps=(read(),))


def keys(asked: Request) -> SessionKeys:
    found = session_keys(POLICY, asked)
    assert found is not None
    return found


def test_a_conversation_is_known_by_how_it_began() -> None:
    assert keys(RUN.request()) == keys(Run(steps=()).request())
    assert keys(RUN.request()) != keys(Run(task="Another.").request())
    assert session_keys(POLICY, replace(RUN.request(), opening=())) is None


@pytest.mark.parametrize("header", ["x-weir-session", *CLIENTS_HEADERS])
def test_a_named_session_has_several_agents(header: str) -> None:
    main = keys(Run(steps=(read(),), headers={header: "s-1"}).request())
    sub = keys(Run(task="Find it.", headers={header: "s-1"}).request())
    other = keys(Run(steps=(read(),), headers={header: "s-2"}).request())
    assert main.task == sub.task != other.task
    assert len({main.agent, sub.agent, other.agent}) == 3


def test_a_programs_own_name_is_no_other_clients() -> None:
    named = Run(headers={"session-id": "0001"}).request()
    mine = replace(named, key=ClientKey(KeyName("a")))
    theirs = replace(named, key=ClientKey(KeyName("b")))
    assert keys(mine).task != keys(theirs).task


def test_what_the_client_says_to_weir_goes_first() -> None:
    both = Run(headers={"x-weir-session": "s-1", "session-id": "0001"}).request()
    assert keys(both).task == keys(Run(headers={"x-weir-session": "s-1"}).request()).task
