"""Keys are there for the socket and for nobody's eyes."""

import traceback
from dataclasses import replace

import pytest

from support import tables
from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.table import FromEnvironment, Passthrough, SecretRef

VALUE = "sk-very-secret"
REF = SecretRef("shop", "keys", "openai")


def test_a_secret_is_never_shown() -> None:
    secret = Secret(VALUE)
    assert VALUE not in f"{secret!r} {secret} {[secret]} {{'a': secret}}"
    assert secret.reveal() == VALUE
    assert secret == Secret(VALUE)
    shown = traceback.format_exception(KeyError(secret))
    assert VALUE not in "".join(shown)


def test_where_a_backends_key_comes_from() -> None:
    store = Credentials({"KEY": "from-env"})
    store.replace({REF: Secret(VALUE)})
    backend = tables.backend("weak")
    assert store.for_backend(backend) is None
    assert store.for_backend(replace(backend, auth=Passthrough())) is None
    assert store.for_backend(replace(backend, auth=FromEnvironment("KEY"))) == Secret("from-env")
    assert store.for_backend(replace(backend, auth=REF)) == Secret(VALUE)


@pytest.mark.parametrize(
    ("auth", "names"),
    [(FromEnvironment("NONE"), "NONE"), (REF, "shop/keys")],
    ids=["env", "secret"],
)
def test_a_missing_key_is_named(auth: FromEnvironment | SecretRef, names: str) -> None:
    with pytest.raises(UpstreamError, match=names):
        Credentials({}).for_backend(replace(tables.backend("weak"), auth=auth))


def test_the_version_grows_only_with_a_change() -> None:
    store = Credentials({})
    store.replace({REF: Secret(VALUE)})
    version = store.version
    store.replace({REF: Secret(VALUE)})
    assert store.version == version
    store.replace({REF: Secret("rotated")})
    assert store.version == version + 1
