"""From a document, as YAML or the API server gives it, to a resource or its mistakes."""
