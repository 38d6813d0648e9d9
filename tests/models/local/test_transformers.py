"""A tiny random model answers the same whoever else is in the batch; errors say the mend."""

import shutil

import pytest
from tiny_model import CHAT_TEMPLATE

from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Prompt
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import TransformersSampler

SHORT = Sampling(max_new_tokens=12)


@pytest.fixture(scope="module")
def sampler(tiny_model):
    return TransformersSampler(WeightsConfig(path=str(tiny_model), batch_tokens=400))


def prompts(num=12):
    return [
        Prompt.from_text("How many apples" + " left" * i + "?", language="en") for i in range(num)
    ]


def unpadded_greedy(sampler, prompt, num_tokens, forced=None):
    """Greedy decoding by hand: one row, no padding, no cache; `forced` are tokens by their place,
    which come in addition to `num_tokens`."""
    import torch

    text = sampler.tokenizer.apply_chat_template(
        list(prompt.prompt), tokenize=False, add_generation_prompt=True
    )
    ids = sampler.tokenizer(text, add_special_tokens=False)["input_ids"]
    start = len(ids)
    with torch.inference_mode():
        for place in range(num_tokens):
            ids += (forced or {}).get(place, [])
            token = int(sampler.model(torch.tensor([ids])).logits[0, -1].argmax())
            if token in (1, 2):
                return sampler.tokenizer.decode(ids[start:], skip_special_tokens=True), "stop"
            ids.append(token)
    return sampler.tokenizer.decode(ids[start:], skip_special_tokens=True), "length"


def test_batched_greedy_is_greedy_by_hand(sampler):
    answers = sampler.sample(prompts(), SHORT)
    by_hand = [unpadded_greedy(sampler, prompt, 12) for prompt in prompts()]
    assert [samples[0][:2] for samples in answers] == by_hand
    assert {reason for _, reason in by_hand} == {"stop", "length"}


def test_a_thought_ends_at_its_limit_and_the_answer_follows(tiny_model):
    """By hand: the first tokens of the thought, its closing mark, then what the model goes on to
    write; whoever thinks no longer than the limit is left alone."""
    opened = CHAT_TEMPLATE + "{% if add_generation_prompt %}{{ '<think>\n' }}{% endif %}"
    config = WeightsConfig(path=str(tiny_model), batch_tokens=400, chat_template=opened)
    thinker = TransformersSampler(config)
    closing = thinker.tokenizer("\n</think>\n\n", add_special_tokens=False)["input_ids"]
    limited = Sampling(max_new_tokens=6 + len(closing) + 8, max_thinking_tokens=6)
    ended = []
    for prompt, (answer,) in zip(prompts(), thinker.sample(prompts(), limited), strict=True):
        thought, reason = unpadded_greedy(thinker, prompt, 6)
        ended.append(reason == "stop")
        if ended[-1]:
            assert (answer.text, answer.finish_reason) == ("", "length"), "a thought without end"
            assert answer.thought == thought.strip()
            continue
        whole, reason = unpadded_greedy(thinker, prompt, 14, forced={6: closing})
        assert whole.startswith(f"{thought}\n</think>\n\n")
        assert answer.thought == thought.strip()
        assert (answer.text, answer.finish_reason) == (
            whole.partition("</think>")[2].lstrip(),
            reason,
        )
    assert not all(ended)
    for (short,), (free,) in zip(
        thinker.sample(prompts(), limited.model_copy(update={"max_thinking_tokens": 99})),
        thinker.sample(prompts(), limited.model_copy(update={"max_thinking_tokens": None})),
        strict=True,
    ):
        assert short == free


def test_order_is_restored(sampler):
    forwards = sampler.sample(prompts(), SHORT)
    backwards = sampler.sample(prompts()[::-1], SHORT)
    assert backwards == forwards[::-1]


def test_every_eos_of_the_generation_config_ends_an_answer(sampler):
    assert sampler.eos_ids == [1, 2]
    ended, unended = (sampler.encoder.answer(ids, [1, 2]) for ids in ([70, 2, 71], [70, 71]))
    assert ended == Sampled(sampler.tokenizer.decode([70]), "stop")
    assert unended.finish_reason == "length"


def test_a_primed_prefix_is_continued(sampler):
    primed = Prompt(
        "f",
        "p",
        "en",
        [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "There are"}],
        "en",
    )
    assert sampler.loaded.encoder.render(primed).endswith("<|assistant|>There are")


def test_sampling_is_seeded_by_seed_and_content(sampler):
    warm = Sampling(max_new_tokens=8, temperature=1.0, top_p=0.9, num_samples=3)
    first = sampler.sample(prompts(3), warm)
    assert first == sampler.sample(prompts(3), warm)
    assert first != sampler.sample(prompts(3), warm.model_copy(update={"seed": 7}))
    assert len({answer.text for answer in first[0]}) > 1


def test_sampling_leaves_the_global_generator_alone(sampler):
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    sampler.sample(prompts(2), Sampling(max_new_tokens=2, temperature=1.0))
    assert torch.rand(1) == expected


def test_repetition_penalty_does_not_see_the_padding(sampler):
    penal = Sampling(max_new_tokens=8, repetition_penalty=1.5)
    together = sampler.sample(prompts(), penal)
    alone = [sampler.sample([prompt], penal)[0] for prompt in prompts()]
    assert together == alone


def test_a_batch_keeps_the_token_budget(sampler):
    rows = sampler._rows(prompts(30), 12)
    batches = list(sampler._batches(rows, num_samples=2))
    assert [row for batch in batches for row in batch] == rows
    for batch in batches:
        assert len(batch) == 1 or 2 * len(batch) * (len(batch[-1].ids) + 12) <= 400


def test_ticks_count_every_prompt_and_every_token(sampler):
    ticks = []
    written = sampler.sample(prompts(30), SHORT, lambda *tick: ticks.append(tick))
    assert sum(num for num, *_ in ticks) == 30
    assert len(ticks) > 2, "one for each batch, and others while it is written"
    assert {language for _, language, *_ in ticks} == {"en"}
    whole = [answer for (answer,) in written if answer.finish_reason == "length"]
    num_tokens = sum(tokens for _, _, *rest in ticks for tokens in rest)
    assert len(whole) * SHORT.max_new_tokens <= num_tokens <= 30 * SHORT.max_new_tokens


def test_the_context_window_cuts_or_refuses(sampler):
    long = Prompt.from_text("7 " * 200, language="en")
    assert sampler.sample([long], SHORT) == [[Sampled("", "error")]]
    near = Prompt.from_text("7" * 121, language="en")
    (row,) = sampler._rows([near], 12)
    assert 0 < row.limit < 12
    assert sampler.sample([near], SHORT)[0][0].finish_reason in Sampled("stop", "length")


def test_several_greedy_samples_are_refused(sampler):
    with pytest.raises(ValueError, match="set temperature"):
        sampler.sample(prompts(1), Sampling(num_samples=2))


def test_no_prompts_no_answers(sampler):
    assert sampler.sample([], SHORT) == []


def test_no_chat_template(tiny_model, tmp_path):
    bare = shutil.copytree(tiny_model, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="chat template"):
        TransformersSampler(WeightsConfig(path=str(bare)))


def test_no_pad_token(tiny_model, tmp_path, sampler):
    from transformers import AutoTokenizer

    unpadded = shutil.copytree(tiny_model, tmp_path / "unpadded")
    tokenizer = AutoTokenizer.from_pretrained(unpadded)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(unpadded)
    other = TransformersSampler(WeightsConfig(path=str(unpadded), batch_tokens=400))
    assert other.model.generation_config.pad_token_id == 1
    assert other.sample(prompts(), SHORT) == sampler.sample(prompts(), SHORT)


def test_decoding_settings_of_the_checkpoint_are_ignored(tiny_model, tmp_path, sampler):
    from transformers import GenerationConfig

    hot = shutil.copytree(tiny_model, tmp_path / "hot")
    settings = GenerationConfig(
        eos_token_id=[1, 2], do_sample=True, temperature=5.0, top_k=2, repetition_penalty=3.0
    )
    settings.save_pretrained(hot)
    other = TransformersSampler(WeightsConfig(path=str(hot), batch_tokens=400))
    assert other.sample(prompts(), SHORT) == sampler.sample(prompts(), SHORT)
