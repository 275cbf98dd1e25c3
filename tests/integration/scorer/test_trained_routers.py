"""Routers trained by the lab, written to a bundle, served: over gRPC the lab's own numbers."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from numpy.typing import NDArray

from support.bundles import TINY_DIM, TINY_WORDS, npz, tiny_bundle, tiny_calibration, tiny_parts
from weir_lab.arrays import Arrays, Floats
from weir_lab.bundles.columns import read_columns
from weir_lab.bundles.extend_bundle import qualities_of, write_joined
from weir_lab.errors import TooFew
from weir_lab.routers.cluster import cluster_with_curve, fit_cluster
from weir_lab.routers.ensemble import ensemble_with_curve, fit_ensemble
from weir_lab.routers.knn import fit_knn, knn_with_curve
from weir_lab.routers.mf import fit_mf, mf_with_curve
from weir_lab.routers.profiles import fit_joining
from weir_lab.routers.qualities import (
    facts_of,
    fit_qualities,
    join,
    population_of,
    predicted,
    with_models,
)
from weir_lab.routers.sw_ranking import fit_sw_ranking, sw_ranking_with_curve
from weir_lab.routers.task import Task, from_outcomes
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc as rpc
from weir_scorer import Bundle
from weir_scorer.build.assemble import CALIBRATION, write_bundle
from weir_scorer.bundle.calibration import calibration_json
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import EncoderBlock
from weir_scorer.engine.routers import ROUTERS, Ensemble, Member, Qualities
from weir_scorer.features import lexical

SECONDS = 180.0  # for anything to happen, on a busy machine
WIDTHS = (len(lexical.NAMES), TINY_DIM)
BLOCKS = ("lexical", "layer1")
MODELS = 12
TRAINED: Mapping[str, tuple[Callable[[Task], Arrays], Callable[[Arrays, float, float], Arrays]]] = {
    "knn": (fit_knn, knn_with_curve),
    "cluster": (fit_cluster, cluster_with_curve),
    "mf": (fit_mf, mf_with_curve),
    "sw_ranking": (fit_sw_ranking, sw_ranking_with_curve),
}


def texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    words = [word for word in TINY_WORDS if not word.startswith("##")]
    return [" ".join(random.choice(words, random.integers(1, 20))) for _ in range(count)]


def columns_of(path: Path, prompts: list[str]) -> Floats:
    """By the engine that serves."""
    with Bundle.open(path, devices=["cpu"]) as bundle:
        engine = bundle.engines[0]
        cheap = [item.features["lexical"] for item in engine.prepare(prompts, "linear")]
        block = EncoderBlock("layer1", TINY_DIM, "layer1", {})
        return np.concatenate([np.stack(cheap), engine.read(prompts, block)], axis=1)


def outcomes(columns: Floats, seed: int) -> Floats:
    """Longer prompts are harder, and some models are better: right or wrong by lot."""
    random = np.random.default_rng(seed)
    hard = columns[:, 1] - columns[:, 1].mean()
    chance = 1 / (1 + np.exp(2 * hard[:, None] - np.linspace(-2, 2, MODELS)))
    return np.asarray(random.random(chance.shape) < chance, dtype=np.float32)


def task_of(columns: Floats, scores: Floats) -> Task:
    rows = np.arange(len(columns))
    return Task(
        columns=columns,
        widths=WIDTHS,
        need=(columns[:, 1] - columns[:, 1].mean()).astype(np.float64),
        weights=np.ones(len(columns)),
        battles=from_outcomes(scores, rows, np.zeros_like(rows), 2000, 0),
        models=MODELS,
        seed=0,
    )


class Lab:
    """Everything trained on one tiny bundle, and the bundle that serves it."""

    def __init__(self, folder: Path) -> None:
        tiny = tiny_bundle(folder)
        columns = columns_of(tiny, texts(400, 1))
        scores = outcomes(columns, 2)
        task = task_of(columns, scores)
        self.arrays = {kind: curve(fit(task), 0.8, -0.1) for kind, (fit, curve) in TRAINED.items()}
        self.qualities, self.population = fit_qualities(columns, WIDTHS, scores, task.weights, 0)
        parts = np.stack([self.head(kind).scores(columns) for kind in TRAINED], axis=1)
        self.arrays["ensemble"] = ensemble_with_curve(
            fit_ensemble(parts.astype(np.float64), task.weights), 0.5, -0.2
        )
        self.prompts = texts(40, 3)
        self.asked = columns_of(tiny, self.prompts)
        self.bundle = folder / "trained"
        self._write()

    def head(self, kind: str) -> "Ensemble":
        if kind != "ensemble":
            return ROUTERS[kind](self.arrays[kind])  # type: ignore[return-value] # any head will do
        every = np.arange(sum(WIDTHS))
        members = [Member(ROUTERS[name](self.arrays[name]), every) for name in TRAINED]
        return Ensemble(self.arrays["ensemble"], members, sum(WIDTHS))

    def _write(self) -> None:
        parts = tiny_parts()
        entries = [
            RouterEntry(
                kind,
                kind,
                BLOCKS,
                f"heads/{kind}.npz",
                tuple(TRAINED) if kind == "ensemble" else (),
                "heads/qualities.npz",
            )
            for kind in self.arrays
        ]
        routers = (
            *(
                replace(r, qualities="heads/qualities.npz") if r.name == "linear" else r
                for r in parts.routers
            ),
            *entries,
        )
        files = dict(parts.files)
        files |= {f"heads/{kind}.npz": npz(dict(a)) for kind, a in self.arrays.items()}  # type: ignore[arg-type] # npz takes any arrays
        files |= {
            "heads/qualities.npz": npz(dict(self.qualities)),  # type: ignore[arg-type] # as above
            CALIBRATION: calibration_json({router.name: tiny_calibration() for router in routers}),
        }
        changed = replace(
            parts,
            routers=routers,
            default_router="ensemble",
            profiles=tuple(f"model-{number}" for number in range(MODELS)),
            files=files,
        )
        write_bundle(changed, self.bundle)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def scorer(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rpc.ScorerStub]:
    socket = tmp_path_factory.mktemp("socket") / "s.sock"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
    own = {
        "WEIR_SCORER_LISTEN": f"unix://{socket}",
        "WEIR_SCORER_ADMIN": "127.0.0.1:0",
        "WEIR_SCORER_BUNDLE": str(lab.bundle),
        "WEIR_SCORER_BUNDLE_CHECK": "1h",
    }
    command = [sys.executable, "-m", "weir_scorer"]
    with subprocess.Popen(command, env=kept | own, stderr=subprocess.DEVNULL) as process:
        try:
            with grpc.insecure_channel(f"unix:{socket}") as channel:
                grpc.channel_ready_future(channel).result(SECONDS)
                _wait_until_serving(channel)
                yield rpc.ScorerStub(channel)
        finally:
            process.kill()


def _wait_until_serving(channel: grpc.Channel) -> None:
    """Follow the health service until the bundle is warm."""
    watch: grpc.UnaryStreamMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    for answer in watch(health_pb2.HealthCheckRequest(service=""), timeout=SECONDS):
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return


@pytest.mark.parametrize("router", [*TRAINED, "ensemble"])
def test_served_scores_and_qualities_are_the_lab_s(
    lab: Lab, scorer: rpc.ScorerStub, router: str
) -> None:
    request = pb.ScoreRequest(texts=lab.prompts, router=router, want_quality=True)
    answer = scorer.Score(request, timeout=SECONDS, wait_for_ready=True)
    told = lab.head(router).scores(lab.asked)
    assert np.ptp(told) > 0.01
    assert list(answer.scores) == pytest.approx(told.tolist(), abs=1e-4)
    served = np.array([list(row.values) for row in answer.quality])
    assert served == pytest.approx(Qualities(lab.qualities).quality(lab.asked), abs=1e-4)


def test_models_rank_differently_on_different_prompts(lab: Lab) -> None:
    quality = Qualities(lab.qualities).quality(lab.asked)
    orders = {tuple(np.argsort(row).tolist()) for row in quality}
    assert len(orders) > 1


def test_describe_names_the_routers_and_that_they_predict(scorer: rpc.ScorerStub) -> None:
    described = scorer.Describe(pb.DescribeRequest(), timeout=SECONDS, wait_for_ready=True)
    predicting = {router.name for router in described.routers if router.predicts_quality}
    assert predicting == {*TRAINED, "ensemble", "linear"}


@pytest.mark.parametrize("kind", TRAINED)
def test_training_again_gives_the_same_bytes(lab: Lab, kind: str, tmp_path: Path) -> None:
    columns = columns_of(tiny_bundle(tmp_path), texts(400, 1))
    fit, curve = TRAINED[kind]
    again = curve(fit(task_of(columns, outcomes(columns, 2))), 0.8, -0.1)
    assert npz(dict(again)) == npz(dict(lab.arrays[kind]))  # type: ignore[arg-type] # npz takes any arrays


def test_a_new_model_joins_by_probes_near_what_all_its_outcomes_say(lab: Lab) -> None:
    columns = columns_of(lab.bundle.parent / "tiny", texts(3000, 5))
    facts = facts_of(lab.qualities, columns)
    right = outcomes(columns, 6)[:, 9].astype(np.float64)
    every = join(facts, right, lab.population)
    probed = join(facts[:300], right[:300], lab.population)
    by_all, by_probes = (
        float(np.mean((predicted(facts, row) - right) ** 2)) for row in (every, probed)
    )
    constant = float(np.mean((float(right[:300].mean()) - right) ** 2))
    assert by_probes < by_all + 0.2 * (constant - by_all), (by_all, by_probes, constant)


def test_the_population_travels_with_the_bundle(lab: Lab) -> None:
    rows: NDArray[np.float64] = lab.qualities["models"].astype(np.float64)
    carried = population_of(with_models(lab.qualities, rows, lab.population))
    assert carried.mean == pytest.approx(lab.population.mean, abs=1e-5)
    assert carried.covariance == pytest.approx(lab.population.covariance, abs=1e-4)


def test_a_joined_model_is_served_and_the_others_stay_as_they_were(
    lab: Lab, tmp_path: Path
) -> None:
    prompts = texts(300, 7)
    with Bundle.open(lab.bundle, devices=["cpu"]) as opened:
        columns = read_columns(lab.bundle, opened, "linear", prompts)
        before = opened.score(lab.prompts, "ensemble", want_quality=True)
    found = qualities_of(lab.bundle, "linear")
    assert found is not None
    right = outcomes(columns_of(lab.bundle.parent / "tiny", prompts), 8)[:, 11]
    joined = fit_joining(columns, found[1], right.astype(np.float64))
    assert joined.brier < joined.brier_constant
    write_joined(lab.bundle, tmp_path / "new", "newcomer", "linear", joined, "probes")
    with Bundle.open(tmp_path / "new", devices=["cpu"]) as opened:
        assert opened.profiles[-1] == "newcomer"
        after = opened.score(lab.prompts, "ensemble", want_quality=True)
    assert before.quality is not None
    assert after.quality is not None
    assert after.scores.tolist() == before.scores.tolist()
    assert after.quality[:, :-1].tolist() == before.quality.tolist()
    told = predicted(facts_of(lab.qualities, lab.asked), joined.row.astype(np.float64))
    assert after.quality[:, -1] == pytest.approx(told, abs=1e-4)


def test_fifty_probes_are_the_least(lab: Lab) -> None:
    with Bundle.open(lab.bundle, devices=["cpu"]) as opened:
        columns = read_columns(lab.bundle, opened, "linear", texts(49, 7))
    with pytest.raises(TooFew, match="49 probe prompts"):
        fit_joining(columns, lab.qualities, np.ones(49))
