"""How long the planner takes for 1,000 policies and 2,000 backends: `python -m bench.plan`.

Measures reading from plain documents and compiling, the second time with the rules' faults known,
as it is when one resource of many changes.
"""

import json
import sys
import time
import tracemalloc
from collections.abc import Callable

from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import Resources, gather

POLICIES = 1000
BACKENDS = 2000


def documents(policies: int = POLICIES, backends: int = BACKENDS) -> list[dict[str, object]]:
    """Policies with three rules each over pairs of backends."""
    return [*map(_backend, range(backends)), *map(_policy, range(policies))]


def _backend(number: int) -> dict[str, object]:
    return {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "ModelBackend",
        "metadata": {"name": f"b{number}", "namespace": "shop"},
        "spec": {
            "protocol": "openai",
            "endpoint": f"https://b{number}.example.com/v1",
            "model": f"m{number}",
            "price": {"input": "2.50", "output": "10"},
            "capabilities": ["tools", "jsonSchema"],
        },
    }


def _policy(number: int) -> dict[str, object]:
    weak, strong = f"b{2 * number}", f"b{2 * number + 1}"
    whens = (f"request.tools > {number}", "request.turns > 6", f"request.chars > {number}")
    return {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": f"p{number}", "namespace": "shop", "generation": 1},
        "spec": {
            "match": {"models": [f"auto{number}"], "headers": [{"name": "x-a", "value": "1"}]},
            "candidates": [{"backend": weak}, {"backend": strong}],
            "objective": {"strongShare": "20%"},
            "rules": [
                {"name": f"r{i}", "when": when, "use": strong} for i, when in enumerate(whens)
            ],
            "failureMode": {"upstream": [strong, weak]},
        },
    }


def _read() -> Resources:
    return gather([r for r in (parse(d).resource for d in documents()) if r])


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> int:
    """Print one JSON object; seconds and MiB."""
    figures = {"read_s": _timed(_read)}
    resources = _read()

    def compiled() -> Plan:
        return compile_table(resources, Form.CLUSTER)

    figures["compile_first_s"] = _timed(compiled)
    figures["compile_again_s"] = _timed(compiled)
    plan = compiled()
    figures["table_kib"] = len(plan.table_json) / 1024
    tracemalloc.start()
    kept = (_read(), compiled())
    figures["held_mib"] = tracemalloc.get_traced_memory()[0] / 2**20
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2))
    return 0 if kept and len(plan.table.policies) == POLICIES else 1


if __name__ == "__main__":
    sys.exit(main())
