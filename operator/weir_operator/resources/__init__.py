"""What users write: RoutePolicy, ModelBackend and, in files, Secret, each declared once.

A declaration (`policy.py`, `backend.py`) gives every field its kind, default and sentence. From it
come the parser (`parse.py`), the CustomResourceDefinitions (`openapi.py`) and the tables of
docs/policies.md (`reference.py`). Must not know files, Kubernetes clients or the route table.
"""
