"""What is left out of a body, set and capped, and that all else keeps its bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.body_changes import BodyChanges

BODY = (
    b'{"model": "m", "max_tokens":100, "tools":[{"strict":true,"name":"a"},{"name":"b"}],'
    b'"stream_options":{"include_usage":true}, "x":1.50}'
)


def test_what_is_not_touched_keeps_its_bytes_and_place() -> None:
    changed = BodyChanges(drop=["stream_options"]).apply(BODY)

    assert changed.body == (
        b'{"model":"m","max_tokens":100,"tools":[{"strict":true,"name":"a"},{"name":"b"}],"x":1.50}'
    )
    assert changed.replaced == ("stream_options",)


@pytest.mark.parametrize(
    "changes",
    [
        BodyChanges(drop=["seed", "tools[].function.strict", "x.y"]),
        BodyChanges(most=[("max_tokens", 100), ("model", 3), ("absent", 1)]),
        BodyChanges(values=[("max_tokens", "100")]),
    ],
)
def test_a_body_in_which_nothing_changes_is_returned_as_it_came(changes: BodyChanges) -> None:
    assert changes.apply(BODY).body is BODY or changes.apply(BODY).body == BODY


def test_a_path_leads_into_every_item_of_a_list() -> None:
    changed = BodyChanges(drop=["tools[].strict"]).apply(BODY)

    assert json.loads(changed.body)["tools"] == [{"name": "a"}, {"name": "b"}]
    assert changed.replaced == ("tools[].strict",)


def test_a_value_is_set_whatever_was_there_and_made_where_nothing_was() -> None:
    values = [("reasoning_effort", '"low"'), ("x", "2"), ("output_config.effort", '"high"')]
    changed = BodyChanges(values=values).apply(BODY)

    fields = json.loads(changed.body)
    assert (fields["reasoning_effort"], fields["x"]) == ("low", 2)
    assert fields["output_config"] == {"effort": "high"}
    assert changed.replaced == ("x",)


def test_a_larger_number_becomes_the_bound() -> None:
    changed = BodyChanges(most=[("max_tokens", 64), ("x", 1.25)]).apply(BODY)

    fields = json.loads(changed.body)
    assert (fields["max_tokens"], fields["x"]) == (64, 1.25)
    assert changed.capped == ("max_tokens", "x")


def test_only_what_the_client_had_sent_is_lost_to_it() -> None:
    changed = BodyChanges(drop=["stream_options"]).apply(BODY)

    assert changed.lost(BODY) == ("stream_options",)
    assert changed.lost(b'{"model":"m"}') == ()


def test_nothing_is_set_where_no_answer_is_asked_for() -> None:
    changes = BodyChanges(drop=["x"], values=[("effort", "1")], most=[("max_tokens", 1)])

    fields = json.loads(changes.apply(BODY, answers=False).body)
    assert "x" not in fields
    assert "effort" not in fields
    assert fields["max_tokens"] == 100


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc") | st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=20,
)
_PATHS = st.lists(st.sampled_from(["a", "a.b", "a[]", "a[].b", "b", "c.a"]), max_size=3)


@given(body=st.dictionaries(st.sampled_from("abcd"), _JSON), drop=_PATHS, path=_PATHS)
def test_any_body_stays_json_with_its_other_fields(
    body: dict[str, object], drop: list[str], path: list[str]
) -> None:
    changes = BodyChanges(drop, [(one, '{"z":0}') for one in path], [("d", 5)])
    after = json.loads(changes.apply(json.dumps(body).encode()).body)

    assert {name: after.get(name) for name in "d" if not isinstance(body.get(name), int)} == {
        name: body.get(name) for name in "d" if not isinstance(body.get(name), int)
    }
