"""How the gateway authenticates at an endpoint. The declaration and nothing else."""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import HEADER, NAME, SECRET_KEY, VARIABLE, text
from weir_policy.fields.kinds import Choice, Flag
from weir_policy.fields.shapes import Check, optional, required, shape


@shape
class SecretKeyRef:
    """A key of a Secret in the ModelBackend's own namespace."""

    name: str = required(NAME, "The Secret.")
    key: str = required(SECRET_KEY, "The key in it.")


@shape
class AwsIdentity:
    """Requests are signed (SigV4) for AWS. Left empty: by the gateway's own identity.

    Its own identity is what AWS's SDKs find: environment, web identity (IRSA), Pod Identity,
    shared configuration, instance role.
    """

    CHECKS: ClassVar = (
        Check(
            "has(self.accessKeyId) == has(self.secretAccessKey)",
            "write accessKeyId and secretAccessKey, or neither",
        ),
        Check(
            "!has(self.sessionToken) || has(self.accessKeyId)",
            "sessionToken goes with accessKeyId and secretAccessKey",
            "sessionToken",
        ),
        Check(
            "!has(self.externalId) || has(self.roleArn)",
            "externalId goes with roleArn",
            "externalId",
        ),
        Check(
            "!has(self.profile) || !has(self.accessKeyId)",
            "write profile or a key, not both",
            "profile",
        ),
    )

    region: str | None = optional(
        text("region", 63), "The region that calls are signed for. Not set: the endpoint's own."
    )
    service: str | None = optional(
        text("service", 63), "The service that calls are signed for. Not set: `bedrock`."
    )
    access_key_id: SecretKeyRef | None = optional(
        Object(SecretKeyRef), "The Secret with an access key's id."
    )
    secret_access_key: SecretKeyRef | None = optional(
        Object(SecretKeyRef), "The Secret with the access key itself."
    )
    session_token: SecretKeyRef | None = optional(
        Object(SecretKeyRef), "The Secret with the session's token of a temporary access key."
    )
    profile: str | None = optional(
        text("profile", 253), "The profile in AWS's shared configuration. In files only."
    )
    role_arn: str | None = optional(text("ARN", 2048), "The role to assume for the calls.")
    external_id: str | None = optional(
        text("external id", 1224), "What the role's trust policy asks for as external id."
    )
    session_name: str | None = optional(
        text("session name", 64), "The assumed role's session in AWS's logs. Not set: `weir`."
    )


@shape
class GoogleIdentity:
    """Calls carry an access token of Google's. Left empty: that of the gateway's own identity.

    Its own identity are the Application Default Credentials: the file that
    `GOOGLE_APPLICATION_CREDENTIALS` names (a key, or workload identity federation), else the
    metadata server.
    """

    CHECKS: ClassVar = (
        Check("!(has(self.secretRef) && has(self.env))", "write secretRef or env, not both", "env"),
    )

    secret_ref: SecretKeyRef | None = optional(
        Object(SecretKeyRef), "The Secret with a service account's key, as Google's JSON."
    )
    env: str | None = optional(
        VARIABLE, "The gateway's environment variable with that JSON. In files only."
    )
    impersonate: str | None = optional(
        text("service account", 253),
        "The e-mail address of the service account to act as; the identity needs the role "
        "Service Account Token Creator on it.",
    )
    quota_project: str | None = optional(
        text("project", 63), "The project that is charged for quota. Not set: the identity's own."
    )


class AzureCloud(StrEnum):
    """Which of Microsoft's clouds an identity belongs to."""

    PUBLIC = "public"
    US_GOVERNMENT = "usGovernment"
    CHINA = "china"


@shape
class AzureIdentity:
    """Calls carry an access token of Microsoft Entra ID. Left empty: the gateway's own identity.

    Its own identity is workload identity where the pod has it, else the application that
    `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and `AZURE_CLIENT_SECRET` name, else managed identity.
    """

    CHECKS: ClassVar = (
        Check(
            "[has(self.secretRef), has(self.env), has(self.certificateRef)].filter(x, x).size() "
            "< 2",
            "write one of secretRef, env and certificateRef",
        ),
        Check(
            "!(has(self.secretRef) || has(self.env) || has(self.certificateRef)) || "
            "(has(self.tenantId) && has(self.clientId))",
            "an application's secret or certificate needs tenantId and clientId",
        ),
    )

    tenant_id: str | None = optional(
        text("tenant", 63), "The Entra tenant. Not set: `AZURE_TENANT_ID`."
    )
    client_id: str | None = optional(
        text("client id", 63),
        "The application, or the user-assigned managed identity. Not set: `AZURE_CLIENT_ID`.",
    )
    secret_ref: SecretKeyRef | None = optional(
        Object(SecretKeyRef), "The Secret with the application's client secret."
    )
    env: str | None = optional(
        VARIABLE, "The gateway's environment variable with the client secret. In files only."
    )
    certificate_ref: SecretKeyRef | None = optional(
        Object(SecretKeyRef),
        "The Secret with the application's certificate and private key, as one PEM.",
    )
    scope: str | None = optional(
        text("scope", 253),
        "What the token is for. Not set: `https://cognitiveservices.azure.com/.default`, or its "
        "counterpart in another cloud.",
    )
    cloud: AzureCloud | None = optional(
        Choice(AzureCloud), "The cloud of the tenant. Not set: `public`, or `AZURE_AUTHORITY_HOST`."
    )


CloudSpec = AwsIdentity | GoogleIdentity | AzureIdentity


@shape
class Auth:
    """How the gateway authenticates at the endpoint. Leave it out where nothing is asked for."""

    CHECKS: ClassVar = (
        Check(
            "[has(self.secretRef), has(self.env), has(self.passthrough), has(self.aws), "
            "has(self.google), has(self.azure)].exists_one(x, x)",
            "write exactly one of secretRef, env, passthrough, aws, google and azure",
        ),
        Check(
            "!has(self.passthrough) || self.passthrough",
            "write passthrough: true, or leave it out",
            "passthrough",
        ),
        Check(
            "!has(self.header) || has(self.secretRef) || has(self.env)",
            "header is for a key: with secretRef or env",
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
    aws: AwsIdentity | None = optional(
        Object(AwsIdentity), "Sign every call for AWS.", feature="cloud-identity"
    )
    google: GoogleIdentity | None = optional(
        Object(GoogleIdentity), "Send an access token of Google's.", feature="cloud-identity"
    )
    azure: AzureIdentity | None = optional(
        Object(AzureIdentity),
        "Send an access token of Microsoft Entra ID.",
        feature="cloud-identity",
    )

    @property
    def cloud(self) -> CloudSpec | None:
        """The cloud's identity, of whichever cloud it is."""
        return self.aws or self.google or self.azure

    @property
    def cloud_name(self) -> str:
        """The field that `cloud` is written in; empty where there is none."""
        names = {"aws": self.aws, "google": self.google, "azure": self.azure}
        return next((name for name, cloud in names.items() if cloud is not None), "")


def cloud_refs(cloud: CloudSpec) -> Iterator[tuple[str, SecretKeyRef]]:
    """The secrets that an identity refers to, each with its field's name in YAML."""
    refs: dict[str, SecretKeyRef | None] = {}
    if isinstance(cloud, AwsIdentity):
        refs["accessKeyId"] = cloud.access_key_id
        refs["secretAccessKey"] = cloud.secret_access_key
        refs["sessionToken"] = cloud.session_token
    else:
        refs["secretRef"] = cloud.secret_ref
    if isinstance(cloud, AzureIdentity):
        refs["certificateRef"] = cloud.certificate_ref
    yield from ((name, ref) for name, ref in refs.items() if ref is not None)
