"""LiteLLM's models on Vertex, and its identities of Google and Azure, in a ModelBackend's words."""

import os
from typing import Any, Final

from weir_cli.importing.source import Section

ENVIRONMENT: Final = "os.environ/"
LOCATION: Final = "us-central1"  # what LiteLLM takes where nothing is said
GLOBAL: Final = "global"
SECRET_VARIABLE: Final = "AZURE_CLIENT_SECRET"  # noqa: S105 - a variable's name
APPLICATION: Final = {"tenantId": "tenant_id", "clientId": "client_id"}


def vertex_address(params: Section) -> str:
    """The endpoint up to the location."""
    project = _value(params, "vertex_project")
    if not project:
        project = "project-missing"
        params.remark("no vertex_project: write it into spec.endpoint")
    location = _value(params, "vertex_location") or LOCATION
    host = "aiplatform" if location == GLOBAL else f"{location}-aiplatform"
    return f"https://{host}.googleapis.com/v1/projects/{project}/locations/{location}"


def vertex_wires(model: str) -> list[str]:
    """Claude speaks messages there, Gemini its own API, and all others chat."""
    if model.startswith("claude"):
        return ["messages"]
    return [] if model.startswith("gemini") else ["chat"]


def google_identity(params: Section) -> dict[str, Any]:
    """The gateway's own identity, in place of credentials that a file or the configuration has."""
    if params.take("vertex_credentials") is not None:
        params.note(
            "vertex_credentials",
            "the credentials are not copied: name their file in GOOGLE_APPLICATION_CREDENTIALS, "
            "or put a key into a Secret (docs/vertex.md)",
        )
    return {"google": {}}


def azure_identity(params: Section) -> dict[str, Any]:
    """An application of Entra ID; empty where the deployment is called with a key."""
    found = {field: _value(params, name) for field, name in APPLICATION.items()}
    secret = params.text("client_secret")
    if params.take("azure_ad_token") is not None:
        params.note("azure_ad_token", "a token expires: the gateway's own identity is written")
        return {"azure": {}}
    if not all(found.values()) or not secret:
        return {}
    variable = secret.removeprefix(ENVIRONMENT)
    if variable == secret:
        variable = SECRET_VARIABLE
        params.note("client_secret", f"it is not copied: put it into the variable {variable}")
    return {"azure": {**found, "env": variable}}


def _value(params: Section, name: str) -> str:
    """A field's text, or the variable's that it names."""
    text = params.text(name)
    if not text.startswith(ENVIRONMENT):
        return text
    variable = text.removeprefix(ENVIRONMENT)
    value = os.environ.get(variable, "")
    if not value:
        params.note(name, f"the variable {variable} is not set here: write its value")
    return value or f"{variable.lower().replace('_', '-')}-missing"
