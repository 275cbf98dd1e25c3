"""Documents to resources: what is read, and every mistake there can be."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.resource_case import Case
from support.resource_cases import CASES, GOOD
from support.resources import Wire, backend, changed, policy, secret
from weir_policy.fields.mistakes import dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import ModelBackend, RoutePolicy, Secret


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_mistake_is_told_with_its_place(case: Case) -> None:
    found = [(dotted(m.path), m.message) for m in parse(case.document).mistakes]
    assert len(found) == 1
    assert found[0][0] == case.at
    assert found[0][1].startswith(case.message)


@pytest.mark.parametrize("name", GOOD)
def test_good_resources_read_without_a_mistake(name: str) -> None:
    parsed = parse(GOOD[name])
    assert parsed.mistakes == ()
    assert parsed.resource is not None


@pytest.mark.parametrize(
    "document",
    [
        policy(rules=None, variants=None, probes=None, failureMode={"upstream": None}),
        policy(router={"name": "default", "judge": None}),
        policy(limits={"perKey": {"usdPerDay": None}}, cascade=None, exploration=None),
        policy(objective={"threshold": "0.5", "budget": None}),
        backend(auth={"env": "A", "secretRef": None}, headers=None),
    ],
)
def test_null_is_as_if_it_was_not_written(document: Wire) -> None:
    assert parse(document) == parse(_without_nulls(document))
    assert parse(document).mistakes == ()


def test_a_null_is_no_way_around_a_rule() -> None:
    for document in (policy(objective=None), policy(cache={"exact": None})):
        assert parse(document).mistakes == parse(_without_nulls(document)).mistakes != ()


def _without_nulls(document: Wire) -> Wire:
    return {
        name: _without_nulls(cast("Wire", value)) if isinstance(value, dict) else value
        for name, value in document.items()
        if value is not None
    }


def test_every_mistake_is_collected_not_the_first() -> None:
    document = policy(
        match={"models": ["a b"]}, objective={"threshold": 0.5}, modes="Shadow", mode="shadow"
    )
    found = {(dotted(m.path), m.hint) for m in parse(document).mistakes}
    assert found == {
        ("spec.modes", "did you mean mode?"),
        ("spec.match.models[0]", ""),
        ("spec.objective.threshold", 'write it in quotes: "0.5"'),
        ("spec.mode", "did you mean Shadow?"),
    }


def test_defaults_are_those_of_the_contract() -> None:
    read = parse(backend()).resource
    assert isinstance(read, ModelBackend)
    timeouts = read.spec.timeouts
    assert (timeouts.connect, timeouts.first_token, timeouts.idle, timeouts.total) == (
        *(2, 30, 60, 600),
    )
    assert (read.spec.price.input, read.spec.auth, read.spec.capabilities) == (None, None, None)
    chat = parse(policy()).resource
    assert isinstance(chat, RoutePolicy)
    assert (chat.spec.mode, chat.spec.router.name, chat.spec.failure_mode.scorer) == (
        *("Enforce", "", "weak"),
    )


def test_written_forms_become_numbers() -> None:
    read = parse(
        backend(price={"input": "2.50", "output": "10"}, endpoint="http://a/v1//")
    ).resource
    assert isinstance(read, ModelBackend)
    assert (read.spec.price.input, read.spec.price.output) == (2_500_000, 10_000_000)
    assert read.spec.endpoint == "http://a/v1"
    timeouts = {"connect": "1s500ms", "firstToken": "1m30s", "idle": "0.5s", "total": "1.5h"}
    read = parse(backend(timeouts=timeouts)).resource
    assert isinstance(read, ModelBackend)
    within = read.spec.timeouts
    assert (within.connect, within.first_token, within.idle, within.total) == (
        *(1.5, 90, 0.5, 5400),
    )
    chat = parse(policy(objective={"strongShare": "19.25%"})).resource
    assert isinstance(chat, RoutePolicy)
    assert chat.spec.objective is not None
    assert chat.spec.objective.strong_share == 0.1925


def test_a_secret_is_read_from_both_forms_and_shows_no_value() -> None:
    document = {**secret(plain="sk-plain"), "data": {"coded": "c2stY29kZWQ="}}
    read = parse(document).resource
    assert isinstance(read, Secret)
    assert dict(read.values) == {"plain": b"sk-plain", "coded": b"sk-coded"}
    assert "sk-" not in repr(read)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data", {"k": "sk-not-base64!"}, "must be base64; plain text goes under stringData"),
        ("data", {"k": 5}, "must be text, not a whole number"),
        ("stringData", {"k": 5}, "must be text, not a whole number; write it in quotes"),
        ("stringData", {"a/b": "v"}, "must be a key of a Secret"),
        ("stringData", ["v"], "must be a mapping, not a list"),
    ],
)
def test_a_bad_secret_is_told_without_its_value(field: str, value: object, message: str) -> None:
    (mistake,) = parse({**secret(), field: value}).mistakes
    assert mistake.message.startswith(message)
    assert "sk-" not in mistake.message + mistake.hint


@pytest.mark.parametrize(
    ("document", "at", "hint"),
    [
        ({}, "kind", "known are ModelBackend, RoutePolicy, Secret"),
        ({"kind": "RoutePolcy"}, "kind", "did you mean RoutePolicy?"),
        (changed(policy(), "apiVersion", "v1"), "apiVersion", ""),
        (changed(policy(), "metadata.name", None), "metadata.name", "write a name"),
        (changed(policy(), "metadata.name", "Chat_"), "metadata.name", ""),
        (changed(policy(), "metadata", "x"), "metadata", "write metadata: {name: ...}"),
        (changed(policy(), "spce", {}), "spce", "did you mean spec?"),
        (changed(policy(), "spec", None), "spec", "write a spec"),
        (changed(policy(), "spec", []), "spec", ""),
    ],
)
def test_the_document_around_the_spec_is_checked(document: object, at: str, hint: str) -> None:
    (mistake,) = parse(document).mistakes
    assert (dotted(mistake.path), mistake.hint) == (at, hint)


@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_text_that_is_not_unicode_is_refused(text: str) -> None:
    (mistake,) = parse(policy(probes=[{"prompt": text, "expect": "weak"}])).mistakes
    assert mistake.message == "must be Unicode text without NUL"


_FIELDS = st.sampled_from(
    [
        *("spec", "match", "models", "headers", "candidates", "backend", "objective", "threshold"),
        *("quality", "rules", "name", "when", "use", "auth", "secretRef", "price", "timeouts"),
    ]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_PLAIN = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_FIELDS | st.text(max_size=5) | st.integers(), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(value=_PLAIN)
def test_any_document_is_read_or_refused_and_never_raises(value: object) -> None:
    parsed = parse(value)
    assert (parsed.resource is None) == bool(parsed.mistakes)


@given(kind=st.sampled_from(["RoutePolicy", "ModelBackend", "Secret"]), spec=_PLAIN, at=_FIELDS)
def test_any_spec_is_read_or_refused_and_never_raises(kind: str, spec: object, at: str) -> None:
    good = policy() if kind == "RoutePolicy" else backend()
    for document in ({**good, "kind": kind, "spec": spec}, changed(good, f"spec.{at}", spec)):
        parsed = parse(document)
        assert (parsed.resource is None) == bool(parsed.mistakes)
