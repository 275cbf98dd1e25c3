"""Resources in YAML files: what they hold, and on which line every mistake is.

Must not know the planner, the route table or Kubernetes.
"""
