"""How the gateway authenticates at an endpoint. The declaration and nothing else."""

from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import HEADER, NAME, SECRET_KEY, VARIABLE
from weir_policy.fields.kinds import Flag
from weir_policy.fields.shapes import Check, optional, required, shape


@shape
class SecretKeyRef:
    """A key of a Secret in the ModelBackend's own namespace."""

    name: str = required(NAME, "The Secret.")
    key: str = required(SECRET_KEY, "The key in it.")


@shape
class Auth:
    """How the gateway authenticates at the endpoint. Leave it out where nothing is asked for."""

    CHECKS: ClassVar = (
        Check(
            "[has(self.secretRef), has(self.env), has(self.passthrough)].exists_one(x, x)",
            "write exactly one of secretRef, env and passthrough",
        ),
        Check(
            "!has(self.passthrough) || self.passthrough",
            "write passthrough: true, or leave it out",
            "passthrough",
        ),
        Check(
            "!has(self.header) || !has(self.passthrough)",
            "header is for a key; passthrough sends the client's own Authorization",
            "header",
        ),
    )

    secret_ref: SecretKeyRef | None = optional(Object(SecretKeyRef), "The Secret with the API key.")
    env: str | None = optional(
        VARIABLE,
        "The gateway's environment variable with the API key. In files only: on a cluster "
        "every policy would share the gateway's environment.",
    )
    passthrough: bool | None = optional(Flag(), "Forward the client's own Authorization header.")
    header: str | None = optional(
        HEADER,
        "The header that carries the bare key, such as `api-key`. Not set: the wire's own, "
        "`Authorization: Bearer` or `x-api-key`.",
    )
