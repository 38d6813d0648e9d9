"""The lab's translator: an M2M100 of a million parameters, and its training sentences.

It is trained on single sentences, between English and each other language, in the form of
`models/translation/seq2seq.py`: problems and worked answers of the training split.
"""

import random
import re
from collections.abc import Iterator
from typing import Any

from isoglot.core.environment import fast_bfloat16
from isoglot.core.layout import pieces_of
from isoglot.lab.pretrain import Encoded, padded
from isoglot.lab.world import (
    LAB_LANGUAGES,
    render_instruction,
    render_problem,
    sample_instruction,
    sample_problem,
    sample_training,
)

INSTRUCTIONS = 0.2
"""Share of the sentences that come from short instructions."""

SIZES = {
    "d_model": 128,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 384,
    "decoder_ffn_dim": 384,
    "max_position_embeddings": 256,
}
_IGNORED = -100


def sentence_pairs(seed: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield source language, sentence, target language, sentence; one of them is English."""
    rng = random.Random(f"translator-{seed}")
    others = [language for language in LAB_LANGUAGES if language != "en"]
    while True:
        other = rng.choice(others)
        source, target = ("en", other) if rng.random() < 0.5 else (other, "en")
        if rng.random() < INSTRUCTIONS:
            instruction = sample_training(sample_instruction, rng)
            texts = [render_instruction(instruction, tag)[:2] for tag in (source, target)]
        else:
            problem = sample_training(sample_problem, rng)
            texts = [render_problem(problem, tag) for tag in (source, target)]
        for text, translation in zip(*texts, strict=True):
            ours, theirs = _sentences(text, source), _sentences(translation, target)
            # Languages are not divided alike everywhere: sentences with equal numbers correspond.
            if [_numbers(a) for a in ours] == [_numbers(b) for b in theirs]:
                yield from ((source, a, target, b) for a, b in zip(ours, theirs, strict=True))


def _numbers(sentence: str) -> list[str]:
    return sorted(re.findall(r"\d+", sentence))


def _sentences(text: str, tag: str) -> list[str]:
    return [piece.text for piece in pieces_of(text, tag) if piece.is_sentence]


def translator_tokenizer(tokenizer: Any) -> Any:
    """Add M2M100's names of the languages and an unknown token to the policy's tokenizer."""
    tokenizer.chat_template = None
    codes = [f"__{tag}__" for tag in LAB_LANGUAGES]
    tokenizer.add_special_tokens({"unk_token": "<unk>", "additional_special_tokens": codes})
    tokenizer.padding_side = "right"
    return tokenizer


def make_translator(tokenizer: Any) -> Any:
    """Make an M2M100 with random weights."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    config = M2M100Config(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        decoder_start_token_id=tokenizer.eos_token_id,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        **SIZES,
    )
    return M2M100ForConditionalGeneration(config)


def translator_examples(tokenizer: Any, seed: int) -> Iterator[Encoded]:
    """Yield the token ids of a sentence after its language, and of its translation likewise."""
    bpe, eos = tokenizer.backend_tokenizer, tokenizer.eos_token_id
    code = {tag: tokenizer.convert_tokens_to_ids(f"__{tag}__") for tag in LAB_LANGUAGES}
    for source, text, target, translation in sentence_pairs(seed):
        given = [code[source], *bpe.encode(text).ids, eos]
        yield given, [code[target], *bpe.encode(translation).ids, eos]


def translation_loss(model: Any, batch: list[Encoded]) -> Any:
    """Return the cross-entropy of the translations without their first token, the language."""
    import torch
    from torch.nn.functional import cross_entropy

    pad, start = model.config.pad_token_id, model.config.decoder_start_token_id
    ids = padded([given for given, _ in batch], pad)
    labels = padded([target for _, target in batch], _IGNORED)
    before = padded([[start, *target[:-1]] for _, target in batch], pad)
    labels[:, 0] = _IGNORED
    mask = padded([[1] * len(given) for given, _ in batch], 0)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast_bfloat16("cpu")):
        hidden = model.model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=before
        ).last_hidden_state
        trained = labels >= 0
        logits = model.lm_head(hidden[trained])
    return cross_entropy(logits.float(), labels[trained])
