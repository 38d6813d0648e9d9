"""Tokens to answers: a thought is left out even where its marks are special tokens."""

import pytest
from cases import cases

from isoglot.lab.shipped import POLICY
from isoglot.models.local.encoder import PromptEncoder, decode_answer
from isoglot.models.local.template import load_tokenizer


def encoder_with(marks):
    tokenizer = load_tokenizer(str(POLICY), {})
    tokenizer.add_special_tokens({"additional_special_tokens": list(marks)})
    return PromptEncoder.of_tokenizer(tokenizer, "model")


def answer(encoder, text, *, ends=True):
    eos = encoder.tokenizer.eos_token_id
    ids = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
    sampled = encoder.answer([*ids, eos] if ends else ids, [eos])
    return sampled.text or f"no answer ({sampled.finish_reason})"


@cases("special_think_tokens")
def test_marks_that_are_special_tokens_are_read(case):
    assert answer(encoder_with(case.input["tokens"]), case.input["ids"]) in case.right


@pytest.mark.parametrize("is_special", [True, False])
def test_channels_of_special_tokens_are_read(is_special):
    marks = [f"<|{name}|>" for name in ("channel", "message", "start", "call")]
    encoder = encoder_with(marks if is_special else [])
    text = "<|channel|>analysis<|message|>2 + 3<|call|><|start|>assistant<|channel|>"
    assert answer(encoder, f"{text}final<|message|>5 apples") == "5 apples"
    assert answer(encoder, f"{text}final<|message|>5 app", ends=False) == "5 app"
    assert answer(encoder, text) == "no answer (length)"


def test_other_special_tokens_are_left_out():
    encoder = encoder_with(["<think>", "</think>", "<|tool|>"])
    ids = encoder.tokenizer("<think>5<|tool|></think><|tool|>5", add_special_tokens=False)
    assert decode_answer(encoder.tokenizer, ids["input_ids"]) == "<think>5</think>5"
    ids = encoder.tokenizer("<|tool|>5 apples", add_special_tokens=False)["input_ids"]
    plain = encoder.tokenizer.decode(ids, skip_special_tokens=True)
    assert decode_answer(encoder.tokenizer, ids) == plain


def test_the_thought_is_kept_apart():
    encoder = encoder_with(["<think>", "</think>", "<why>", "<so>"])
    eos = encoder.tokenizer.eos_token_id

    def parts(text, **how):
        ids = encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
        sampled = encoder.answer([*ids, eos], [eos], **how)
        return sampled.thought, sampled.text, sampled.finish_reason

    assert parts("<think>2 + 3</think>5") == ("2 + 3", "5", "stop")
    assert parts("2 + 3</think>5", thinks=True) == ("2 + 3", "5", "stop")
    assert parts("<think></think>5") == (None, "5", "stop")
    assert parts("<think>2 + 3") == ("2 + 3", "", "length")
    encoder.marks = ("<why>", "<so>")
    assert parts("<why>2 + 3<so>5") == ("2 + 3", "5", "stop")
    assert encoder.opens_thinking("user: 2 + 3?<why>")
