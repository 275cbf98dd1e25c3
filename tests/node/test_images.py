"""The images, built from their Dockerfiles and tried: they run, and hold only what they need."""

import pytest

from support.cluster.images import TARGETS, ImageStore, Target

pytestmark = pytest.mark.node
MEGABYTE = 1_000_000
NOT_IN_AN_IMAGE = ("pip", "pip3", "gcc", "cc", "make", "git", "curl", "wget")


@pytest.fixture(params=TARGETS, ids=lambda target: target.name)
def target(request: pytest.FixtureRequest) -> Target:
    """Each image in turn."""
    found: Target = request.param
    return found


@pytest.fixture
def reference(target: Target, images: ImageStore, version: str) -> str:
    """Its name in the store."""
    assert images.has(target.reference(version))
    return target.reference(version)


def test_it_is_not_root(images: ImageStore, reference: str) -> None:
    assert images.inspect(reference, "{{.OCIv1.Config.User}}") == "10001:10001"
    assert images.run(reference, "id", "-u").strip() == "10001"


def test_it_holds_no_builder(images: ImageStore, reference: str) -> None:
    look = "for p; do command -v $p; done; python3 -c 'import pip' 2>/dev/null && echo pip; true"
    assert images.run(reference, "sh", "-c", look, "sh", *NOT_IN_AN_IMAGE) == ""


def test_its_own_program_is_all_of_ours_that_is_there(
    images: ImageStore, target: Target, reference: str
) -> None:
    listed = images.run(
        reference, "sh", "-c", "ls /opt/weir/bin /opt/weir/lib/python3*/site-packages"
    )
    ours = {line for line in listed.split() if line.startswith("weir")}
    package = target.name.replace("-", "_")
    kept = {name for name in ours if not name.endswith(".dist-info")}
    assert kept == {target.name, package, "weir_proto", "weir_runtime"}


def test_it_starts_and_says_what_is_wrong_with_a_setting(
    images: ImageStore, target: Target, reference: str
) -> None:
    refuse = f"WEIR_LOG_LEVEL=loud {target.name} 2>&1; echo code=$?"
    said = images.run(reference, "sh", "-c", refuse)
    assert "WEIR_LOG_LEVEL" in said
    assert "code=0" not in said


def test_it_is_labelled(images: ImageStore, target: Target, reference: str, version: str) -> None:
    label = '{{index .OCIv1.Config.Labels "org.opencontainers.image.%s"}}'
    assert images.inspect(reference, label % "title") == target.name
    assert images.inspect(reference, label % "version") == version
    assert images.inspect(reference, label % "licenses") == "Apache-2.0"


def test_what_it_adds_to_the_base_is_small(images: ImageStore, reference: str) -> None:
    added = images.run(
        reference, "sh", "-c", "du -sm /opt/weir /var/lib/weir 2>/dev/null | cut -f1"
    )
    assert sum(int(line) for line in added.split()) < 400


def test_the_scorer_brings_its_bundle(images: ImageStore, version: str) -> None:
    (scorer,) = (each for each in TARGETS if each.name == "weir-scorer")
    found = images.run(scorer.reference(version), "ls", "/var/lib/weir/bundle")
    assert "bundle.json" in found.split()
