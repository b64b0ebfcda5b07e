"""The hash embedder of the tests and the real model keep the same promises."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from search.embedder import SentenceTransformerEmbedder, unit
from search.errors import EmbedderUnavailable, ModelError
from search.loading import load_embedder
from search.memory import HashEmbedder
from search.onnx_embedder import OnnxEmbedder
from search.onnx_export import ARRAYS, BLOCK, ensure_export, quantise
from search.ports import Embedder
from search.torch_worker import torch_worker
from search.warming import OffEmbedder, WarmingEmbedder


@pytest.fixture(scope="module")
def torch_embedder(model_folder: Path) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(str(model_folder))


@pytest.fixture(params=["hash", pytest.param("real_embedder", marks=pytest.mark.model), pytest.param("torch_embedder", marks=pytest.mark.model)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return HashEmbedder() if request.param == "hash" else request.getfixturevalue(request.param)


def test_vectors_have_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = ["返品したい", "a much longer text about a parcel that never came", "password"]
    vectors = embedder.encode(texts, "passage")
    assert vectors.dtype == np.float32 and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embedder.encode([text], "passage") for text in texts])
    assert np.allclose(vectors, alone, atol=2e-3)


def test_a_query_has_the_same_vector_each_time(embedder: Embedder) -> None:
    assert np.array_equal(embedder.encode(["返品"], "query"), embedder.encode(["返品"], "query"))
    assert embedder.fingerprint == embedder.fingerprint != ""


TEXTS = ["返品したい", "荷物が届かない。" * 30, "a parcel that never came", "x", "Der Bildschirm bleibt schwarz"]


@pytest.mark.model
def test_serving_without_torch_gives_the_vectors_of_sentence_transformers(real_embedder: WarmingEmbedder, torch_embedder: Embedder) -> None:
    for kind in ("query", "passage"):
        expected = torch_embedder.encode(TEXTS, kind)
        one_by_one = real_embedder.encode(TEXTS, kind)
        together = real_embedder.encode(TEXTS * 4, kind)[: len(TEXTS)]
        assert np.sum(one_by_one * expected, axis=1).min() > 0.9995
        assert np.sum(together * expected, axis=1).min() > 0.9999
    assert real_embedder.fingerprint == torch_embedder.fingerprint


@pytest.mark.model
def test_torch_embeds_in_bulk_in_a_process_of_its_own(model_folder: Path, torch_embedder: Embedder) -> None:
    with torch_worker(model_folder, "float32", 1) as encode:
        assert np.allclose(encode(["返品したい"], "query"), torch_embedder.encode(["返品したい"], "query"), atol=1e-4)
        assert encode(["a", "b"], "passage").shape == (2, 384)


@pytest.mark.model
def test_a_graph_that_is_cut_short_is_written_anew(model_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    arrays = ensure_export(copy) / ARRAYS
    arrays.write_bytes(arrays.read_bytes()[:1000])
    assert OnnxEmbedder(copy).encode(["a"], "query").shape == (1, 384)


def test_weights_that_are_four_bits_stay_so_and_others_take_eight() -> None:
    chance = np.random.default_rng(0)
    levels = chance.integers(-8, 8, (4, 2, BLOCK))
    levels[:, :, 0] = -8
    exact = (levels * 0.03125).reshape(4, 64).astype(np.float32)
    assert quantise(exact)[0] == 4
    bits, values, scales = quantise(chance.normal(size=(4, 64)).astype(np.float32))
    assert bits == 8 and values.shape == (4, 2, BLOCK) and scales.shape == (8,)


@pytest.mark.model
def test_the_bundled_model_knows_meaning_across_languages(real_embedder: WarmingEmbedder) -> None:
    asked, same, other = real_embedder.encode(["パスワードを忘れた", "I forgot my password", "明日の天気"], "query")
    assert asked @ same > 0.88 > asked @ other
    assert real_embedder.calibrated


def test_while_it_warms_there_are_no_vectors() -> None:
    embedder = WarmingEmbedder(HashEmbedder)
    with pytest.raises(EmbedderUnavailable) as unavailable:
        embedder.encode(["a"], "query")
    assert unavailable.value.reason == "warming"
    embedder.start()
    assert embedder.wait(10) and embedder.encode(["a"], "query").shape == (1, 256)


def test_a_model_that_cannot_be_loaded_is_said() -> None:
    def broken() -> Embedder:
        raise ModelError("no such model")

    embedder = WarmingEmbedder(broken)
    embedder.start()
    assert not embedder.wait(10) and embedder.state == "failed" and embedder.failure == "no such model"
    with pytest.raises(EmbedderUnavailable):
        embedder.encode(["a"], "query")


def test_off_is_off() -> None:
    with pytest.raises(EmbedderUnavailable):
        OffEmbedder().encode(["a"], "query")


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="not numbers"):
        unit(np.array([[np.nan, 1]], dtype=np.float32))


def test_a_folder_that_is_no_model_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match=r"modules\.json"):
        SentenceTransformerEmbedder(str(tmp_path))
    assert isinstance(load_embedder("off", tmp_path), OffEmbedder)
