"""Writes the tiny random model as the GGUF file that llama.cpp serves.

The tokenizer and the chat template are files of this repository; the weights are drawn from a fixed seed, for a random
model needs no others. Knows Llama's tensors and GGUF's names for them; nothing of servers. Imports the PyPI package
gguf, which may be missing on a platform: whoever imports this module answers for that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "configs" / "data" / "tokenizer.json"
CHAT_TEMPLATE = ROOT / "tests" / "data" / "tiny-model" / "chat_template.jinja"

CONTEXT = 4096
WIDTH, FEED_FORWARD, LAYERS = 64, 128, 2
HEADS, KEY_HEADS, HEAD_WIDTH = 2, 1, 32
SEED = 20
SCALE = 0.05
# Words loud against the layers, and outputs between uniform and certain: the next word is a lively draw that hangs on
# the last one, so that answers wander instead of repeating themselves.
WORD_SCALE, OUTPUT_SCALE = 1.0, 0.3
# After about every tenth word the end is the likeliest next one: most answers stop within 32 tokens unless the server
# is told to ignore it. Were it never said, an `ignore_eos` that nobody honours would go unnoticed.
END_SCALE = 0.9


def write_tiny_gguf(target: Path) -> None:
    """About 2.4 MB; the same bytes each time with the same numpy."""
    tokenizer = json.loads(TOKENIZER.read_text())
    writer = gguf.GGUFWriter(str(target), "llama")
    _write_shape(writer, len(tokenizer["model"]["vocab"]))
    _write_words(writer, tokenizer)
    writer.add_chat_template(CHAT_TEMPLATE.read_text())
    for name, values in _weights(tokenizer).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_shape(writer: gguf.GGUFWriter, words: int) -> None:
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_key_length(HEAD_WIDTH)
    writer.add_value_length(HEAD_WIDTH)
    writer.add_rope_dimension_count(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(words)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _write_words(writer: gguf.GGUFWriter, tokenizer: dict[str, Any]) -> None:
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    special = {token["content"] for token in tokenizer["added_tokens"]}
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    kinds = [gguf.TokenType.CONTROL if word in special else gguf.TokenType.NORMAL for word in words]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(vocabulary["<s>"])
    writer.add_eos_token_id(vocabulary["</s>"])
    writer.add_unk_token_id(vocabulary["<unk>"])
    writer.add_pad_token_id(vocabulary["</s>"])
    writer.add_add_bos_token(True)


def _weights(tokenizer: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """By GGUF's names, rows first: [out, in]."""
    draw = np.random.default_rng(SEED)

    def normal(rows: int, columns: int, scale: float = SCALE) -> NDArray[np.float32]:
        return (draw.standard_normal((rows, columns)) * scale).astype(np.float32)

    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    ones = np.ones(WIDTH, np.float32)
    output = normal(len(vocabulary), WIDTH, OUTPUT_SCALE)
    output[[token["id"] for token in tokenizer["added_tokens"]]] = 0  # never said: no role, no <think>
    output[vocabulary["</s>"]] = normal(1, WIDTH, END_SCALE)
    found = {
        "token_embd.weight": normal(len(vocabulary), WIDTH, WORD_SCALE),
        "output.weight": output,
        "output_norm.weight": ones,
    }
    for layer in range(LAYERS):
        found |= {
            f"blk.{layer}.{name}.weight": values
            for name, values in {
                "attn_norm": ones,
                "attn_q": normal(HEADS * HEAD_WIDTH, WIDTH),
                "attn_k": normal(KEY_HEADS * HEAD_WIDTH, WIDTH),
                "attn_v": normal(KEY_HEADS * HEAD_WIDTH, WIDTH),
                "attn_output": normal(WIDTH, HEADS * HEAD_WIDTH),
                "ffn_norm": ones,
                "ffn_gate": normal(FEED_FORWARD, WIDTH),
                "ffn_up": normal(FEED_FORWARD, WIDTH),
                "ffn_down": normal(WIDTH, FEED_FORWARD),
            }.items()
        }
    return found
