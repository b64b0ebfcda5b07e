"""The hash embedder of the tests and the real model keep the same promises."""

import numpy as np
import pytest

from search.embedder import OffEmbedder, SentenceTransformerEmbedder, WarmingEmbedder, load_embedder, unit
from search.errors import EmbedderUnavailable, ModelError
from search.memory import HashEmbedder
from search.ports import Embedder


@pytest.fixture(params=["hash", pytest.param("model", marks=pytest.mark.model)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return HashEmbedder() if request.param == "hash" else request.getfixturevalue("real_embedder")


def test_vectors_have_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = ["返品したい", "a much longer text about a parcel that never came", "password"]
    vectors = embedder.encode(texts, "passage")
    assert vectors.dtype == np.float32 and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embedder.encode([text], "passage") for text in texts])
    assert np.allclose(vectors, alone, atol=2e-3)


def test_a_query_has_the_same_vector_each_time(embedder: Embedder) -> None:
    assert np.array_equal(embedder.encode(["返品"], "query"), embedder.encode(["返品"], "query"))
    assert embedder.fingerprint == embedder.fingerprint != ""


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
