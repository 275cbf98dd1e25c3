"""The policy contract: every shape of RoutePolicy and ModelBackend, declared once.

`fields` says how a field is declared, `spec` declares the shapes, `reading` parses what users
write, and `describe` prints the same declarations as CRDs, documentation and JSON Schema. `table`
is the form in which the operator publishes the shapes and the gateway runs them.

Imports nothing else of Weir's and no Kubernetes client.
"""
