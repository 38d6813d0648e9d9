"""Prompts without a chat template, and strings that end an answer."""

import shutil

import pytest

from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Prompt
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import CausalModel, TransformersSampler

WARM = Sampling(max_new_tokens=40, temperature=1.5, num_samples=20)


def config(path, **changes):
    return WeightsConfig(path=str(path), format="plain", **changes)


@pytest.fixture(scope="module")
def sampler(tiny_model):
    return TransformersSampler(config(tiny_model))


def asked(text="How many apples"):
    return [Prompt.from_text(text, language="en")]


def test_a_plain_prompt_is_its_text(sampler):
    ids = sampler._rows(asked(), 4)[0].ids
    assert sampler.tokenizer.decode(ids) == "How many apples"
    primed = Prompt(
        "f",
        "p",
        "en",
        [{"role": "user", "content": "How many?\n"}, {"role": "assistant", "content": "There"}],
        "en",
    )
    assert sampler.loaded.encoder.render(primed) == "How many?\nThere"


def test_a_base_model_needs_no_chat_template(tiny_model, tmp_path, sampler):
    bare = shutil.copytree(tiny_model, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    short = Sampling(max_new_tokens=6)
    assert TransformersSampler(config(bare)).sample(asked(), short) == sampler.sample(
        asked(), short
    )
    with pytest.raises(ValueError, match="set format: plain"):
        TransformersSampler(WeightsConfig(path=str(bare)))


def test_a_plain_prompt_has_no_other_turns(sampler):
    two = Prompt("f", "p", "en", [{"role": "system", "content": "Hi"}, *asked()[0].prompt], "en")
    with pytest.raises(ValueError, match="for format: plain, got turns of system, user;"):
        sampler.sample([two], WARM)


def test_worked_examples_stand_before_a_plain_question(sampler):
    turns = ["2+2?", "4", "3+3?", "6", "4+4?"]
    roles = ["user", "assistant"] * 3
    messages = [{"role": r, "content": t} for r, t in zip(roles, turns, strict=False)]
    prompt = Prompt("f", "p", "en", messages, "en")
    assert sampler.loaded.encoder.render(prompt) == "2+2?\n4\n\n3+3?\n6\n\n4+4?\n"
    primed = [*messages, {"role": "assistant", "content": "It is"}]
    assert sampler.loaded.encoder.render(Prompt("f", "p", "en", primed, "en")).endswith(
        "\n\n4+4?\nIt is"
    )


def test_a_plain_text_begins_as_the_tokenizer_begins_texts(tiny_model, tmp_path):
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    folder = shutil.copytree(tiny_model, tmp_path / "bos")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = "<|system|>"
    # As some do: also with a token for the end, which no prompt may have.
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|system|> $A <|end|>",
        special_tokens=[("<|system|>", tokenizer.bos_token_id), ("<|end|>", 1)],
    )
    tokenizer.save_pretrained(folder)
    encoder = CausalModel(config(folder)).encoder
    bos, words = tokenizer.bos_token_id, tokenizer.encode("How", add_special_tokens=False)
    assert encoder.encode(["How", "<|system|>How", ""]) == [
        [bos, *words],
        [bos, *words],
        [bos],
    ]
    chat = CausalModel(WeightsConfig(path=str(folder)))
    assert chat.encoder.encode(["How"]) == [words]


def test_an_answer_ends_before_a_stop_string(sampler):
    """Cut where the answer without stop strings first has one."""
    (free,) = sampler.sample(asked(), WARM)
    stop = tuple({text[3:5] for text, *_ in free if len(text) > 8 and "�" not in text[:9]})[:3]
    (ended,) = sampler.sample(asked(), WARM.model_copy(update={"stop": stop}))
    num_cut = 0
    for whole, answer in zip(free, ended, strict=True):
        text = whole.text
        cuts = [text.index(string) for string in stop if string in text]
        num_cut += bool(cuts)
        assert answer == (Sampled(text[: min(cuts)], "stop") if cuts else whole)
    assert num_cut >= 3


def test_no_token_is_made_after_the_last_stop(sampler):
    long = Sampling(max_new_tokens=40)
    ((answer,),) = sampler.sample(asked(), long)
    steps = []
    hook = sampler.model.register_forward_hook(lambda *_: steps.append(1))
    sampler.sample(asked(), long.model_copy(update={"stop": (answer.text[:3],)}))
    hook.remove()
    assert len(steps) <= 3


def test_decoding_stops_at_a_stop_string(sampler):
    import torch

    (ended,) = sampler._stopping(["ab", "é"], 2)
    encode = sampler.tokenizer.encode
    assert len(encode("ab")) == 2
    rows = [[5, 5, *encode("xab")], [5, 5, *encode("xé")], [*encode("ab"), *encode("xyz")]]
    assert [bool(ended(torch.tensor([row]), None)[0]) for row in rows] == [True, True, False]
    assert sampler._stopping((), 2) == []


def test_the_prompt_does_not_end_its_answer(sampler):
    prompt = asked("How many ab")
    stop = Sampling(max_new_tokens=5, stop=("ab",))
    assert sampler.sample(prompt, stop) == sampler.sample(prompt, Sampling(max_new_tokens=5))


def test_an_empty_stop_string():
    with pytest.raises(ValueError, match="at least 1 character"):
        Sampling(stop=("",))
