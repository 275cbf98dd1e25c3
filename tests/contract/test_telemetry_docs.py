"""docs/telemetry.md names every metric and span that the programs declare, and no others.

Read from the source rather than from running programs: a metric that is declared only with a GPU
or a cluster counts as well.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "telemetry.md"
PROGRAMS = ("gateway/weir_gateway", "scorer/weir_scorer", "operator/weir_operator")
KINDS = {
    "counter": "counter",
    "gauge": "gauge",
    "gauge_callback": "gauge",
    "histogram": "histogram",
}
PROMISED = {  # the names that dashboards of others are built on: renaming one breaks them
    "gen_ai.client.operation.duration",
    "gen_ai.client.token.usage",
    "weir.cache.requests",
    "weir.cost.usd",
    "weir.decision.duration",
    "weir.decisions",
    "weir.routetable.applied",
    "weir.routetable.version",
    "weir.saved.usd",
    "weir.score.duration",
    "weir.scorer.batch.size",
    "weir.scorer.device",
    "weir.scorer.queue.depth",
    "weir.upstream.breaker",
    "weir.upstream.calls",
    "weir.upstream.hedges",
    "weir.upstream.in_flight",
    "weir.upstream.retries",
}
DOTTED = re.compile(r"[a-z_]+(\.[a-z_]+)+")

Metric = tuple[str, str, str, str, str]  # program, name, kind, labels, unit


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in PROGRAMS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield folder.split("/")[0], ast.parse(path.read_text(encoding="utf-8"))


def _constants(module: ast.Module) -> dict[str, ast.expr]:
    constants: dict[str, ast.expr] = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            constants[node.target.id] = node.value
    return constants


def _strings(node: ast.expr | None, constants: dict[str, ast.expr]) -> list[str]:
    """The strings of a tuple, a dict's keys or a constant; named ones and starred ones too."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name() | ast.Starred():
            inner = node.value if isinstance(node, ast.Starred) else constants.get(node.id)
            return _strings(inner, constants)
        case ast.Tuple(elts=parts):
            return [text for part in parts for text in _strings(part, constants)]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return [s for key, value in pairs for s in _strings(key or value, constants)]
        case ast.JoinedStr(values=parts):
            return ["".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in parts)]
        case _:
            return []


def _calls(module: ast.Module) -> Iterator[tuple[str, str, ast.Call]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, ast.unparse(node.func.value), node


def _metrics() -> set[Metric]:
    metrics: set[Metric] = set()
    for program, module in _modules():
        constants = _constants(module)
        for method, owner, call in _calls(module):
            if method not in KINDS or not owner.endswith("registry"):
                continue
            (name,) = _strings(call.args[0], constants)
            plain = method == "gauge_callback" or len(call.args) < len(("name", "help", "labels"))
            labels = [] if plain else _strings(call.args[2], constants)
            assert plain or labels, f"{name}: labels that this test can't read"
            units = [_strings(k.value, constants) for k in call.keywords if k.arg == "unit"]
            unit = units[0][0] if units else ("s" if method == "histogram" else "1")
            metrics.add((program, name, KINDS[method], ", ".join(labels), unit))
    return metrics


def _spans() -> tuple[set[tuple[str, str]], set[str]]:
    """Spans by program and name, and the attributes that anything sets."""
    spans: set[tuple[str, str]] = set()
    attributes: set[str] = set()
    for program, module in _modules():
        constants = _constants(module)
        for method, owner, call in _calls(module):
            if method == "start" and owner.endswith("tracing"):
                (name,) = _strings(call.args[0], constants)
                spans.add((program, name))
                for keyword in call.keywords:
                    if keyword.arg == "attributes":
                        attributes.update(_strings(keyword.value, constants))
            elif method == "set" and "span" in owner and call.args:
                attributes.update(_strings(call.args[0], constants))
    return spans, attributes


def _rows(heading: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines
    ]


def test_every_metric_stands_in_the_table_with_its_kind_labels_and_unit() -> None:
    documented = {(r[0], r[1], r[2], r[3], r[4]) for r in _rows("Metrics")}
    assert documented == _metrics()


def test_the_promised_metrics_are_declared() -> None:
    assert {name for _, name, *_ in _metrics()} >= PROMISED


def test_every_span_and_attribute_stands_in_the_table() -> None:
    rows = _rows("Spans")
    spans, attributes = _spans()
    assert {(r[0], re.sub(r"{\w+}", "{}", r[1])) for r in rows} == spans
    documented = {a.strip() for r in rows for a in r[4].split(",") if a.strip()}
    assert documented == attributes
    assert all(DOTTED.fullmatch(name) for name in attributes)
