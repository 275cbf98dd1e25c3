"""All that is wrong with a policy is reported at once, whatever stage finds it."""

from pathlib import Path

import yaml

from support.resources import backend, policy
from weir_operator.local import compile_paths


def test_a_typo_an_unknown_backend_a_wrong_use_and_a_bad_rule_are_all_reported(
    tmp_path: Path,
) -> None:
    wrong = policy(
        modes="Shadow",
        candidates=[{"backend": "weak"}, {"backend": "strnog"}],
        rules=[
            {"name": "a", "when": "request.tols > 0", "use": "weak"},
            {"name": "b", "when": "true", "use": "waek"},
        ],
    )
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump_all([backend("weak"), backend("strong"), wrong]))
    found = {mistake.path: mistake for mistake in compile_paths([file]).mistakes}
    assert found.keys() == {
        "spec.modes",
        "spec.rules",
        "spec.rules[0].when",
        "spec.candidates[1].backend",
    }
    assert found["spec.modes"].hint == "did you mean mode?"
    assert found["spec.rules"].hint == "did you mean weak?"
    assert found["spec.candidates[1].backend"].hint == "did you mean strong?"


def test_a_missing_required_field_hides_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    rules = [{"name": "a", "when": "tools > 0", "use": "weak"}, {"name": "b", "use": "weak"}]
    documents = [backend("weak"), backend("strong"), policy(rules=rules)]
    file.write_text(yaml.safe_dump_all(documents))
    paths = [mistake.path for mistake in compile_paths([file]).mistakes]
    assert paths == ["spec.rules[0].when", "spec.rules[1].when"]
