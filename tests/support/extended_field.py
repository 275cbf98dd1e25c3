"""Runs beside a weir_policy whose policies have a field `quietFor`: from YAML to the gateway."""

import json

from support.resources import backend, policy
from weir_gateway.adapters.route_table.build import build, read
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table
from weir_policy.describe.crds import definitions
from weir_policy.describe.json_schema import json_schema
from weir_policy.describe.reference import field_table
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import gather


def main() -> None:
    """Raises where the field is missing anywhere."""
    documents = [
        backend("weak"),
        backend("strong"),
        policy(quietFor="1m30s"),
        policy("other", match={"models": ["other"]}),
    ]
    parsed = [parse(document) for document in documents]
    assert [mistake for one in parsed for mistake in one.mistakes] == []
    plan = compile_table(gather([p.resource for p in parsed if p.resource]), Form.FILE)
    entries = json.loads(plan.table_json)["policies"]
    assert {entry["id"]: entry["requires"] for entry in entries} == {
        "shop/chat": ["quiet"],
        "shop/other": [],
    }
    built = build(read(plan.table_json), None)
    assert not built.refused
    quiet = {policy.id: getattr(policy.spec, "quiet_for") for policy in built.table.policies}  # noqa: B009 - mypy reads the package without the field
    assert quiet == {"shop/chat": 90.0, "shop/other": None}
    assert "| `spec.quietFor` | duration |" in field_table("RoutePolicy")
    for schema in (definitions(), json_schema()):
        assert json.dumps(schema).count('"quietFor"') == 1


if __name__ == "__main__":
    main()
