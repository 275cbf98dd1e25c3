"""Only `model` is replaced in a body."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from support.tables import request
from weir_gateway.domain.request import with_model


@given(st.binary(), st.binary(), st.binary(), st.binary())
def test_not_one_other_byte_changes(before: bytes, model: bytes, after: bytes, new: bytes) -> None:
    span = (len(before), len(before) + len(model))
    sent = with_model(replace(request(), body=before + model + after, model_span=span), new)
    assert sent == before + new + after
