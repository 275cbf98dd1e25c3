"""The gateway's metrics and the decision log; docs/telemetry.md explains each metric.

Declared and counted here:

- `decision_metrics`: weir.decisions (a fallback has the reason `fallback:...`), decision.duration,
  cascade.answers, rule.errors, shadow.decisions, cost.usd, saved.usd, and gen_ai.client.*
- `variant_metrics`: weir.variant.*
- `upstream_metrics`: weir.upstream.* (retries, hedges, probes, breakers)
- `scorer_metrics`: weir.score.*

Declared in the part whose state they show:

- weir.cache.*: adapters/scorer/score_cache.py and app/stores.py
- weir.budget.*: adapters/budget/sync.py; weir.exploration.usd: adapters/spend/
- weir.feedback, weir.ledger.entries: adapters/ledger/
- weir.limits.*: adapters/limits/shared.py; weir.redis.*: adapters/redis/client.py
- weir.routetable.*: adapters/route_table/
- weir.requests.in_flight, weir.upstream.in_flight: app/run.py
"""
