"""What every Weir program has: settings, logs, metrics, traces, the admin port, the loop.

Knows nothing of routing, scoring or Kubernetes; no other package of Weir is imported here.
"""
