"""multilingual-e5-small (Wang et al. 2024) from a folder, on the CPU of this process.

Needs onnxruntime and sentencepiece, which nothing else does: only the composition root imports
this module, when a model folder is configured.

The weights are quantised to 8 bits and each text is run by itself. Activations are quantised per
run, so a text in a batch would get a vector that depends on its neighbours; and one by one is as
fast on a CPU.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Condition, Lock, get_native_id

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import sentencepiece

from backend.retrieval.embedder import EmbedderRejected
from backend.retrieval.model_folder import Manifest, read_manifest
from backend.retrieval.vectors import Vector, normalised

MAX_TOKENS = 512

NICE = 5
"""How far passages stand back: a third of the time of others where these leave none over. They must
not starve, for they hold the interpreter now and then."""

PATIENCE = 0.2
"""Seconds that a passage waits for queries at most."""

_QUERY = "query: "
_PASSAGE = "passage: "


class OnnxE5:
    """An ``Embedder``, off the event loop, on ``threads`` cores a text.

    One passage at a time runs, in a thread that everything else goes before. A query runs at once,
    for somebody waits, and the next passage only after it.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Loads the model; raises EmbedderRejected if the folder does not hold a whole one."""
        self._manifest = read_manifest(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._pieces = sentencepiece.SentencePieceProcessor(
                model_file=str(folder / "pieces.model")
            )
        # Both libraries raise kinds of their own for files that are damaged.
        except Exception as error:
            raise EmbedderRejected(f"the model in {folder} cannot be loaded: {error}") from error
        self._running = Lock()
        self._asked = 0
        self._calm = Condition()
        self._behind = ThreadPoolExecutor(1, "passages", initializer=_stand_back)

    @property
    def model_id(self) -> str:
        return self._manifest.model_id

    @property
    def dimensions(self) -> int:
        return self._manifest.dimensions

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    async def embed_passages(self, texts: list[str]) -> Vector:
        prefixed = [_PASSAGE + text for text in texts]
        running = asyncio.get_running_loop()
        return await running.run_in_executor(self._behind, self.embed_now, prefixed)

    async def embed_query(self, text: str) -> Vector:
        return normalised(await asyncio.to_thread(self._answer, _QUERY + text))

    def embed_now(self, prefixed: list[str]) -> Vector:
        """Rows for texts that have their prefix already; blocks for 10 to 100 ms a text."""
        vectors = np.zeros((len(prefixed), self.dimensions), np.float32)
        for row, text in enumerate(prefixed):
            with self._calm:
                self._calm.wait_for(lambda: not self._asked, PATIENCE)
            with self._running:
                vectors[row] = self._run(text)
        return normalised(vectors)

    def _answer(self, text: str) -> Vector:
        with self._calm:
            self._asked += 1
        try:
            return self._run(text)
        finally:
            with self._calm:
                self._asked -= 1
                self._calm.notify_all()

    def _run(self, text: str) -> Vector:
        """The mean of the last hidden states of the tokens, as the model was trained."""
        whole = text.encode("utf-8", "replace").decode()
        pieces = self._pieces.encode(whole)[: MAX_TOKENS - 2]
        tokens = np.array([[self._manifest.begin, *pieces, self._manifest.end]], np.int64)
        (hidden,) = self._session.run(
            ["last_hidden_state"], {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        )
        mean: Vector = np.asarray(hidden)[0].mean(axis=0)
        return mean


def _stand_back() -> None:
    """Lets the scheduler prefer all other threads to this one, where it knows threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(
                os.PRIO_PROCESS, get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICE
            )
