from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import tiktoken
import tiktoken_ext.openai_public  # type: ignore[import-untyped]
from hypothesis import assume, given
from hypothesis import strategies as st
from splintr import Tokenizer

from backend.utils import tokens
from backend.utils.text_processor import (
    ENCODINGS,
    count_tokens,
    count_tokens_of,
    load_encoding,
)

MEBI = 1024 * 1024
RANKS = {"o200k_base": 199_998, "cl100k_base": 100_256}

# What the patterns of the encodings tell apart: case, contractions, digits, runs of space, breaks.
FRAGMENTS = [
    "Hello", "olá", "ÇÃO", "don't", "WE'RE", "'", "’", "’s", "'S", "'ll", "1", "2026", "１", "½",
    " ", "  ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u3000", "\u2028", "\u200b", "\u180e", ".",
    "...", "//", "?!", "#", "日本語", "한국어", "мир", "नमस्ते", "ไทย", "عربي", "👩‍👩‍👧", "🇧🇷",
    "e\u0301", "\u0301", "ǅ", "ʰ", "<|endoftext|>", "<|", "|>", "foo_bar",
    "https://a.b/c?d=e", "\0",
]  # fmt: skip
texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.characters()), max_size=25).map("".join),
)
encodings = st.sampled_from(ENCODINGS)


@cache
def reference(name: str) -> tiktoken.Encoding:
    """tiktoken's own patterns and merging, on our vocabulary once its hash is the published one."""

    def load_vocabulary(source: str, expected_hash: str) -> dict[bytes, int]:
        tokenizer = Tokenizer.from_pretrained(name)
        words = [bytes(tokenizer.decode_token_bytes(rank)) for rank in range(RANKS[name])]
        lines = (base64.b64encode(word) + b" %d\n" % rank for rank, word in enumerate(words))
        assert hashlib.sha256(b"".join(lines)).hexdigest() == expected_hash
        return {word: rank for rank, word in enumerate(words)}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", load_vocabulary)
        return tiktoken.Encoding(**getattr(tiktoken_ext.openai_public, name)())


@given(texts, encodings)
def test_equals_tiktoken(text: str, encoding: str) -> None:
    assume("'ſ" not in text)  # the one known difference, see count_tokens
    assert count_tokens(text, encoding) == len(reference(encoding).encode_ordinary(text))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_equals_tiktoken_for_every_kind_of_character(encoding: str) -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    sample = [
        f"aB{character}cD {character}'s\n{character}{character}1" for character in every[::23]
    ]
    expected = [len(reference(encoding).encode_ordinary(text)) for text in sample]
    assert count_tokens_of(sample, encoding) == expected


@given(st.lists(texts, max_size=8), encodings)
def test_many_are_counted_as_one_by_one(many: list[str], encoding: str) -> None:
    assert count_tokens_of(many, encoding) == [count_tokens(text, encoding) for text in many]


def test_special_tokens_are_ordinary_text() -> None:
    assert [count_tokens(text) for text in ("<|endoftext|>", "<|im_start|>")] == [7, 6]
    assert count_tokens_of(["<|endoftext|>", "hello"]) == [7, 1]


def test_a_lone_surrogate_counts_as_the_replacement_character() -> None:
    expected = count_tokens("a\ufffdb")
    assert count_tokens("a\ud800b") == expected
    assert count_tokens_of(["a\ud800b", "<|\udfff"]) == [expected, count_tokens("<|\ufffd")]
    assert count_tokens("\ud800" * 20_000) == count_tokens("\ufffd" * 20_000)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * MEBI, 131_072),
        (" " * MEBI, 8_192),
        ("\t" * MEBI, 65_536),
        ("é" * (MEBI // 2), 524_288),
        ("'s" * (MEBI // 2), 524_288),
        ("word " * (MEBI // 5) + "<|", MEBI // 5 + 2),
    ],
    ids=["letter", "spaces", "tabs", "accents", "contractions", "special"],
)
def test_a_megabyte_that_repeats_is_counted(text: str, count: int) -> None:
    assert count_tokens(text) == count


def test_what_was_counted_is_forgotten_before_it_fills_memory() -> None:
    count_tokens("warm")
    encoding = tokens._encoding("o200k_base")
    encoding._seen = encoding._MEMORY
    count_tokens("x" * 1000)
    assert encoding._tokenizer.cache_len <= 1


def test_an_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'p50k_base'.*o200k_base, cl100k_base"):
        count_tokens("Hello", "p50k_base")


def test_threads_share_one_loaded_encoding() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(load_encoding, ["cl100k_base"] * 8))
        counts = set(pool.map(count_tokens, ["Olá, mundo! " * 3000] * 8))
    assert len(counts) == 1


def test_nothing_is_loaded_before_the_first_count() -> None:
    program = "from backend.utils import text_processor, tokens; print(list(tokens._loaded))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
