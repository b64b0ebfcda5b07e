"""The hash embedder of the tests and the real model fulfil the same contract."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from search.embedding.background import BackgroundEmbedder, DisabledEmbedder
from search.embedding.loader import load_embedder
from search.embedding.onnx_embedder import OnnxEmbedder
from search.embedding.onnx_export import ARRAYS, ensure_export
from search.embedding.onnx_graph import LARGEST, quantise, smoothquant_factors
from search.embedding.sentence_transformers import SentenceTransformerEmbedder, unit
from search.embedding.tokenizer import PIECES, SentencePieceTokenizer
from search.errors import EmbedderUnavailableError, ModelError
from search.ports import Embedder
from search.testing import HashEmbedder


@pytest.fixture(scope="module")
def torch_embedder(model_folder: Path) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(str(model_folder), "float32")


@pytest.fixture(
    params=[
        "hash",
        pytest.param("real_embedder", marks=pytest.mark.model),
        pytest.param("torch_embedder", marks=pytest.mark.model),
    ]
)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return HashEmbedder() if request.param == "hash" else request.getfixturevalue(request.param)


def test_vectors_have_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = ["返品したい", "a much longer text about a parcel that never came", "password"]
    vectors = embedder.encode(texts, "passage")
    assert vectors.dtype == np.float32 and np.allclose(
        np.linalg.norm(vectors, axis=1), 1, atol=1e-5
    )
    alone = np.concatenate([embedder.encode([text], "passage") for text in texts])
    assert np.allclose(vectors, alone, atol=2e-3)


def test_a_query_has_the_same_vector_each_time(embedder: Embedder) -> None:
    assert np.array_equal(embedder.encode(["返品"], "query"), embedder.encode(["返品"], "query"))
    assert embedder.fingerprint == embedder.fingerprint != ""


TEXTS = [
    "返品したい",
    "荷物が届かない。" * 30,
    "a parcel that never came",
    "x",
    "Der Bildschirm bleibt schwarz",
]


@pytest.mark.model
def test_serving_without_torch_gives_the_vectors_of_sentence_transformers(
    real_embedder: BackgroundEmbedder, torch_embedder: Embedder
) -> None:
    for kind in ("query", "passage"):
        expected = torch_embedder.encode(TEXTS, kind)
        one_by_one = real_embedder.encode(TEXTS, kind)
        together = real_embedder.encode(TEXTS * 4, kind)[: len(TEXTS)]
        # 8-bit inputs, 7-bit weights; bench.retrieval measures the effect on retrieval (ADR 0006).
        assert np.sum(one_by_one * expected, axis=1).min() > 0.9993
        assert np.array_equal(together, one_by_one)
    assert real_embedder.fingerprint == torch_embedder.fingerprint


@pytest.mark.model
def test_a_truncated_graph_is_exported_again(model_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    arrays = ensure_export(copy) / ARRAYS
    arrays.write_bytes(arrays.read_bytes()[:1000])
    assert OnnxEmbedder(copy).encode(["a"], "query").shape == (1, 384)


@pytest.mark.model
def test_batched_queries_get_the_same_vectors_as_single_queries(
    real_embedder: BackgroundEmbedder,
) -> None:
    alone = [real_embedder.encode([text], "passage")[0] for text in TEXTS]
    with ThreadPoolExecutor(12) as visitors:
        together = list(
            visitors.map(lambda text: real_embedder.encode([text], "passage")[0], TEXTS * 4)
        )
    assert np.allclose(together, alone * 4, atol=1e-5)


def test_matrices_are_quantised_to_integers_with_one_scale_per_row() -> None:
    weights = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    whole, scales = quantise(weights)
    assert (
        whole.dtype == np.int8
        and np.abs(whole).max(axis=1).tolist() == [LARGEST] * 4
        and scales.shape == (4, 1)
    )
    assert np.abs(whole * scales - weights).max() <= scales.max() / 2


def test_columns_with_a_large_range_are_smoothed() -> None:
    reach = np.array([100, 1, 1, 1], dtype=np.float32)
    factors = smoothquant_factors(reach, np.ones((3, 4), dtype=np.float32))
    assert (reach / factors).max() / (reach / factors).min() == pytest.approx(10, rel=1e-3)


ODD = [
    "",
    "a",
    "  two  spaces ",
    "tab\there",
    "😀 𠮷野家 ﷽ ㌔",
    "Ｗｉ－Ｆｉ ｶﾞ",
    "한국어 문장",
    "日本語と English とไทย",
    "▁▁ x",
    "\x00",
    "あ" * 3_000,
]


@pytest.mark.model
def test_texts_are_tokenised_as_by_sentence_transformers(model_folder: Path) -> None:
    from tokenizers import Tokenizer

    own = SentencePieceTokenizer(ensure_export(model_folder) / PIECES, longest=512)
    other = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    other.enable_truncation(512)
    other.no_padding()
    for text in (*ODD, *TEXTS, *("query: " + odd for odd in ODD)):
        assert own.ids(text) == other.encode(text).ids


@pytest.mark.model
def test_typed_text_never_becomes_a_special_token(model_folder: Path) -> None:
    own = SentencePieceTokenizer(ensure_export(model_folder) / PIECES, longest=512)
    assert set(own.ids("</s><s><pad>")[1:-1]).isdisjoint({0, 1, 2})


def test_an_invalid_vocabulary_is_named(tmp_path: Path) -> None:
    (tmp_path / PIECES).write_bytes(b"no")
    with pytest.raises(ModelError, match=PIECES):
        SentencePieceTokenizer(tmp_path / PIECES, longest=512)


@pytest.mark.model
def test_the_bundled_model_matches_meaning_across_languages(
    real_embedder: BackgroundEmbedder,
) -> None:
    asked, same, other = real_embedder.encode(
        ["パスワードを忘れた", "I forgot my password", "明日の天気"], "query"
    )
    assert asked @ same > 0.88 > asked @ other
    assert real_embedder.calibrated


def test_there_are_no_vectors_while_the_model_loads() -> None:
    embedder = BackgroundEmbedder(HashEmbedder)
    with pytest.raises(EmbedderUnavailableError) as unavailable:
        embedder.encode(["a"], "query")
    assert unavailable.value.reason == "warming"
    embedder.start()
    assert embedder.wait(10) and embedder.encode(["a"], "query").shape == (1, 256)


def test_a_model_that_cannot_be_loaded_is_reported() -> None:
    def broken() -> Embedder:
        raise ModelError("no such model")

    embedder = BackgroundEmbedder(broken)
    embedder.start()
    assert (
        not embedder.wait(10) and embedder.state == "failed" and embedder.failure == "no such model"
    )
    with pytest.raises(EmbedderUnavailableError):
        embedder.encode(["a"], "query")


def test_a_disabled_embedder_refuses_to_encode() -> None:
    with pytest.raises(EmbedderUnavailableError):
        DisabledEmbedder().encode(["a"], "query")


def test_nan_values_are_refused() -> None:
    with pytest.raises(ModelError, match="not numbers"):
        unit(np.array([[np.nan, 1]], dtype=np.float32))


def test_a_folder_without_a_model_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match=r"modules\.json"):
        SentenceTransformerEmbedder(str(tmp_path))
    assert isinstance(load_embedder("off", tmp_path), DisabledEmbedder)
