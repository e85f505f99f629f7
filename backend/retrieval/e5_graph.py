"""Writes an E5 encoder as an ONNX graph for onnxruntime, and its vocabulary for SentencePiece.

A BERT encoder (Devlin et al. 2019): embeddings, then layers of attention and a two-layer network,
each with a residual sum and layer normalisation. The word table stays at 4 bits. The matrices of
the layers are quantised again, to 8 bits a column, because integer arithmetic is twice as fast; to
±63 of the possible ±127, because sums of two products then fit 16 bits on processors without
dot-product instructions. Needs ``onnx`` and ``sentencepiece``; only fetching a model does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import sentencepiece
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sentencepiece import sentencepiece_model_pb2

from backend.retrieval.e5_weights import BLOCK, Floats, Vocabulary, Weights

# Its classes are made when it is imported, where a type checker does not see them.
_piece_format: Any = sentencepiece_model_pb2

_CONTRIB = "com.microsoft"
_LARGEST = 63
_OPSET = 21
_IR_VERSION = 10
_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3


def graph(weights: Weights) -> bytes:
    """A model from ``input_ids`` and ``attention_mask`` to ``last_hidden_state``, serialised."""
    builder = _Builder(weights)
    state = builder.embeddings()
    for layer in range(weights.shape.layers):
        state = builder.layer(layer, state)
    return builder.serialised(state)


def pieces_model(vocabulary: Vocabulary) -> bytes:
    """The vocabulary as SentencePiece loads it, normalising as XLM-RoBERTa's does."""
    model = _piece_format.ModelProto()
    control = {vocabulary.begin, vocabulary.end, vocabulary.padding}
    for i, (text, score) in enumerate(zip(vocabulary.pieces, vocabulary.scores, strict=True)):
        special = i in control or text == "<mask>"
        kind = _UNKNOWN if i == vocabulary.unknown else _CONTROL if special else _NORMAL
        model.pieces.add(piece=text, score=score, type=kind)
    trainer = model.trainer_spec
    trainer.model_type = trainer.UNIGRAM
    trainer.vocab_size = len(vocabulary.pieces)
    trainer.bos_id, trainer.eos_id = vocabulary.begin, vocabulary.end
    trainer.pad_id, trainer.unk_id = vocabulary.padding, vocabulary.unknown
    rules = _piece_format.ModelProto()
    rules.ParseFromString(
        sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_model_proto()
    )
    model.normalizer_spec.CopyFrom(rules.normalizer_spec)
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    serialised: bytes = model.SerializeToString()
    return serialised


class _Builder:
    """Collects nodes and constants; every method returns the name of what it computes."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._shape = weights.shape
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def embeddings(self) -> str:
        shape = self._shape
        words = self._weights.blocks("emb.word", shape.words, shape.width)
        place = self._weights.floats("emb.pos", shape.positions, shape.width)
        kind = self._weights.floats("emb.type", shape.types, shape.width)
        word = self._node(
            "GatherBlockQuantized",
            [
                self._four_bits("words", words.values),
                "input_ids",
                self._put("scales", words.scales),
            ],
            "word",
            domain=_CONTRIB,
            gather_axis=0,
            quantize_axis=1,
            block_size=BLOCK,
            bits=4,
        )
        self._node("Shape", ["input_ids"], "length", start=1, end=2)
        zero = self._put("zero", np.zeros(1, np.int64))
        places = self._put("places", place + kind[0])
        position = self._node("Slice", [places, zero, "length", zero], "position")
        both = self._node("Add", [word, position], "embedded")
        self._node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)
        self._put("thirds", np.full(3, shape.width, np.int64))
        norm = self._norm("emb.ln")
        return self._node("LayerNormalization", [both, *norm], "state", epsilon=shape.epsilon)

    def layer(self, number: int, state: str) -> str:
        p, width, inner = f"l{number}.", self._shape.width, self._shape.inner
        qkv = self._linear(state, [p + "q", p + "k", p + "v"], width, width)
        parts = [p + "query", p + "key", p + "value"]
        self._add("Split", [qkv, "thirds"], parts, axis=-1)
        seen = self._node(
            "MultiHeadAttention",
            [*parts, "", "mask"],
            p + "seen",
            domain=_CONTRIB,
            num_heads=self._shape.heads,
        )
        mixed = self._linear(seen, [p + "ao"], width, width)
        state = self._residual(state, mixed, p + "aln")
        wide = self._linear(state, [p + "fi"], inner, width)
        bent = self._node("Gelu", [wide], p + "bent", domain=_CONTRIB)
        narrow = self._linear(bent, [p + "fo"], width, inner)
        return self._residual(state, narrow, p + "oln")

    def serialised(self, state: str) -> bytes:
        self._node("Identity", [state], "last_hidden_state")
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info(
            "last_hidden_state", TensorProto.FLOAT, ["batch", "length", self._shape.width]
        )
        body = helper.make_graph(self._nodes, "encoder", inputs, [output], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
        model = helper.make_model(body, opset_imports=opsets, ir_version=_IR_VERSION)
        data: bytes = model.SerializeToString()
        return data

    def _linear(self, source: str, names: list[str], rows: int, columns: int) -> str:
        """One product for matrices [rows, columns] that share their input, with their biases."""
        dense = [self._weights.blocks(n + ".w", rows, columns).dense() for n in names]
        bias = [self._weights.floats(n + ".b", rows) for n in names]
        values, scales = _eight_bits(np.concatenate(dense).T)
        name = names[0]
        constants = [
            self._put(name + ".values", values),
            self._put(name + ".scales", scales),
            self._put(name + ".zeros", np.zeros(len(scales), np.int8)),
            self._put(name + ".bias", np.concatenate(bias)),
        ]
        return self._node(
            "DynamicQuantizeMatMul", [source, *constants], name + ".out", domain=_CONTRIB
        )

    def _residual(self, state: str, change: str, norm: str) -> str:
        return self._node(
            "SkipLayerNormalization",
            [state, change, *self._norm(norm)],
            norm + ".out",
            domain=_CONTRIB,
            epsilon=self._shape.epsilon,
        )

    def _norm(self, name: str) -> list[str]:
        return [
            self._put(f"{name}.{part}", self._weights.floats(f"{name}.{part}", self._shape.width))
            for part in ("w", "b")
        ]

    def _four_bits(self, name: str, values: NDArray[np.int8]) -> str:
        nibbles = (values & 15).astype(np.uint8)
        packed = (nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)).tobytes()
        self._constants.append(
            helper.make_tensor(name, TensorProto.INT4, values.shape, packed, raw=True)
        )
        return name

    def _put(self, name: str, values: NDArray[np.generic]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._add(kind, inputs, [output], **attributes)
        return output

    def _add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))


def _eight_bits(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A matrix [inputs, outputs] as integers with one scale an output."""
    scales = np.abs(matrix).max(axis=0) / np.float32(_LARGEST)
    scales[scales == 0] = 1
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)
