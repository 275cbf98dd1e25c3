"""kubectl and Helm as a user of the test cluster runs them; their caches lie in its folder."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.cluster.binaries import Binaries

TIMEOUT_S = 110.0  # below the suite's own limit, so that the command's output is seen


class CommandFailedError(AssertionError):
    """A kubectl or helm command that a test counted on has failed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Client:
    """One user of the cluster, by kubeconfig."""

    binaries: Binaries
    kubeconfig: Path
    namespace: str = "default"
    prefix: Sequence[str] = ()

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment in which a program talks to this cluster as this user."""
        home = self.kubeconfig.parent
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HELM_", "KUBE"))}
        return kept | {
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(home / "kubectl-cache"),
            "HELM_CACHE_HOME": str(home / "helm-cache"),
            "HELM_CONFIG_HOME": str(home / "helm-config"),
            "HELM_DATA_HOME": str(home / "helm-data"),
        }

    def try_(self, program: str, *arguments: str, stdin: str | None = None) -> Ran:
        """Run `program` (kubectl, helm) and say how it went."""
        done = subprocess.run(
            [*self.prefix, self.binaries[program], *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env=self.environ,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def run(self, program: str, *arguments: str, stdin: str | None = None) -> str:
        """Run `program` and give its output. Raises CommandFailedError with what it said."""
        ran = self.try_(program, *arguments, stdin=stdin)
        if ran.code != 0:
            raise CommandFailedError(f"{program} {' '.join(arguments)}: {ran.err or ran.out}")
        return ran.out

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl; see `run`."""
        return self.run("kubectl", *arguments, stdin=stdin)

    def helm(self, *arguments: str, stdin: str | None = None) -> str:
        """Run helm; see `run`."""
        return self.run("helm", *arguments, stdin=stdin)

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get ... -o json`, decoded."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def apply(self, *objects: Mapping[str, Any], namespace: str = "default") -> str:
        """`kubectl apply` of plain mappings."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.kubectl("-n", namespace, "apply", "-f", "-", stdin=text)

    def may(
        self, verb: str, what: str, *, subresource: str = "", namespace: str | None = None
    ) -> bool:
        """Ask the API server whether this user may, as `kubectl auth can-i` does.

        `what` is RESOURCE[.GROUP][/NAME] and need not exist; `namespace` defaults to the user's
        own, and "" asks for all namespaces.
        """
        kind, _, name = what.partition("/")
        resource, _, group = kind.partition(".")
        attributes = {"verb": verb, "group": group, "resource": resource, "name": name}
        attributes |= {
            "subresource": subresource,
            "namespace": self.namespace if namespace is None else namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        # Unvalidated: kubectl would want to list the CRDs first, which this user may not.
        options = ("--validate=false", "-o", "json", "-f", "-")
        answer = self.kubectl("create", *options, stdin=json.dumps(review))
        return bool(json.loads(answer)["status"]["allowed"])
