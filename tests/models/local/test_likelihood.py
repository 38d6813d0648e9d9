"""A likelihood is the naive one, whatever shares a row with it and whatever the model."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.protocols import Sampling
from isoglot.core.records import Prompt
from isoglot.models.file import FileSamplerConfig
from isoglot.models.load import load_likelihood
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.likelihood import Likelihood, TransformersLikelihood
from isoglot.models.local.prefix_tree import TokenSequence, lay_out
from isoglot.models.local.transformers import CausalModel, TransformersSampler

SHOTS = "How many apples are left? There are 7 apples left.\n\n"
TEXTS = [
    "How many",
    SHOTS + "Quedan 7 manzanas. How many apples",
    SHOTS + "How many",
    "¿Cuántas manzanas quedan?\n",
    "",
    "Maapulo mangapi yamebaki?  ",
]
CHOICES = [
    [" apples", " apples are left?", " манзанас", " apples are"],
    [" are left?", "7"],
    [" 7", " are left? There are 7 apples left.", " 7"],
    ["Quedan 7 manzanas."],
    ["There are", "Quedan"],
    ["Yamebaki maapulo 7.", "X"],
]


def prompts(texts=TEXTS):
    return [Prompt.from_text(text, language="en") for text in texts]


def load(path, **changes):
    return TransformersLikelihood(WeightsConfig(path=str(path), **changes))


def naively(model, prompt, continuation):
    """One row, no padding, no mask, every logit; the tokens cut as lm-eval's rule says."""
    import torch

    tokenizer = model.loaded.encoder.tokenizer
    text = model.loaded.encoder.render(prompt)
    context = tokenizer.encode(text.rstrip(), add_special_tokens=False)
    ids = tokenizer.encode(text + continuation, add_special_tokens=False)[len(context) :]
    context = context or [tokenizer.eos_token_id]
    row = torch.tensor([context + ids])
    with torch.inference_mode():
        logits = model.loaded.model(row).logits[0, len(context) - 1 : -1].float()
    chosen = torch.log_softmax(logits, -1).gather(-1, row[0, len(context) :, None])
    greedy = bool((logits.argmax(-1) == row[0, len(context) :]).all())
    return Likelihood(float(chosen.sum()), len(ids), greedy)


def assert_naive(model, texts=TEXTS, choices=CHOICES, tolerance=1e-4):
    found = model.log_likelihoods(prompts(texts), choices)
    for prompt, row, likelihoods in zip(prompts(texts), choices, found, strict=True):
        for continuation, likelihood in zip(row, likelihoods, strict=True):
            expected = naively(model, prompt, continuation)
            assert likelihood[1:] == expected[1:]
            assert likelihood[0] == pytest.approx(expected[0], abs=tolerance)
    return found


@pytest.fixture(scope="module")
def plain(tiny_model):
    return load(tiny_model, format="plain")


@pytest.mark.parametrize("batch_tokens", [1, 40, 100, 2000])
@pytest.mark.parametrize("format", ["plain", "chat"])
def test_as_in_the_naive_way(tiny_model, format, batch_tokens):
    model = load(tiny_model, format=format, batch_tokens=batch_tokens)
    assert model.shared_length > 1000
    assert_naive(model, TEXTS[:1] + TEXTS[2:], CHOICES[:1] + CHOICES[2:])


def save(path, tiny_model, model):
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(path)
    model.save_pretrained(path)
    return path


SMALL = {
    "vocab_size": 401,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": None,
}
ARCHITECTURES = {
    "Mistral": {"sliding_window": 24},
    "Gemma2": {"sliding_window": 24, "head_dim": 16, "final_logit_softcapping": 2.0},
    "Gemma3Text": {"sliding_window": 1000, "head_dim": 16},
    "Cohere": {"logit_scale": 3.0},
    "Qwen3Moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256},
    "Falcon": {"alibi": True, "new_decoder_architecture": False},
    "Bloom": {"n_layer": 2, "n_head": 2},
    "Mamba": {"state_size": 8},
    "Qwen3Next": {
        "layer_types": ["linear_attention", "full_attention"],
        "linear_num_value_heads": 2,
        "linear_num_key_heads": 2,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
}
IN_ONE_ROW = {"Gemma3Text", "Cohere", "Qwen3Moe", "GPT2"}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_other_architectures(name, tiny_model, tmp_path):
    """Windows, caps and scales of logits, positions of all kinds, and models without attention."""
    import torch
    import transformers

    torch.manual_seed(1)
    config = getattr(transformers, f"{name}Config")(**SMALL, **ARCHITECTURES[name])
    head = getattr(transformers, f"{name.removesuffix('Text')}ForCausalLM", None)
    made = (head or getattr(transformers, f"{name}LMHeadModel"))(config)
    model = load(save(tmp_path / name, tiny_model, made), format="plain")
    assert (model.shared_length > 200) == (name in IN_ONE_ROW)
    assert_naive(model, tolerance=1e-3)


def test_half_precision(tiny_model):
    model = load(tiny_model, format="plain", dtype="bfloat16")
    assert model.shared_length > 1000
    found = model.log_likelihoods(prompts(TEXTS[:1]), CHOICES[:1])[0]
    for continuation, likelihood in zip(CHOICES[0], found, strict=True):
        expected = naively(model, prompts()[0], continuation)
        assert likelihood.log_probability == pytest.approx(expected.log_probability, abs=0.3)


def test_half_precision_does_not_hide_a_model_that_reads_on(tiny_model, tmp_path):
    """Its layers without attention pass a little of each branch to the next, less than rounding."""
    import torch
    from transformers import Qwen3NextConfig, Qwen3NextForCausalLM

    torch.manual_seed(1)
    small = {**SMALL, "initializer_range": 0.02}
    made = Qwen3NextForCausalLM(Qwen3NextConfig(**small, **ARCHITECTURES["Qwen3Next"]))
    path = save(tmp_path / "hybrid", tiny_model, made)
    assert load(path, format="plain", dtype="bfloat16").shared_length == 0


def test_what_the_model_writes_greedily_is_greedy(tiny_model, plain):
    sampler = TransformersSampler(WeightsConfig(path=str(tiny_model), format="plain"))
    asked = prompts(TEXTS[:1])
    ((answer,),) = sampler.sample(asked, Sampling(max_new_tokens=1))
    ((likelihood, other),) = plain.log_likelihoods(asked, [[answer.text, "@"]])
    assert likelihood.is_greedy
    assert not other.is_greedy


def test_the_weights_of_a_sampler_are_shared(tiny_model, plain):
    config = WeightsConfig(path=str(tiny_model), format="plain")
    model = TransformersLikelihood(config, CausalModel(config))
    assert model.name == plain.name
    assert model.log_likelihoods(prompts(), CHOICES) == plain.log_likelihoods(prompts(), CHOICES)


def test_unknown_is_none_and_nothing_is_cut(plain):
    long = "How many " * 200
    asked = prompts(["How many", long, "How many"])
    found = plain.log_likelihoods(asked, [["", " apples", long], [" apples"], []])
    assert [[one is None for one in row] for row in found] == [[True, False, True], [True], []]
    assert found[0][1].log_probability == pytest.approx(
        naively(plain, asked[0], " apples").log_probability, abs=1e-4
    )


def test_the_context_window_is_used_whole(plain):
    """128 positions: the last token is foretold and not read."""
    tokens = len(plain.loaded.encoder.encode(["7" * 100])[0])
    assert tokens == 100
    found = plain.log_likelihoods(prompts(["7" * 100] * 2), [["7" * 29], ["7" * 30]])
    assert [row[0] is None for row in found] == [False, True]
    assert found[0][0].num_tokens == 29


def test_blanks_at_the_end_of_a_prompt_belong_to_the_continuation(plain):
    ((before,), (after,)) = plain.log_likelihoods(
        prompts(["How many ", "How many"]), [["apples"], [" apples"]]
    )
    assert before.log_probability == pytest.approx(after.log_probability, abs=1e-5)
    assert before[1:] == after[1:]


def test_order_is_restored(plain):
    forwards = plain.log_likelihoods(prompts(), CHOICES)
    backwards = plain.log_likelihoods(prompts()[::-1], CHOICES[::-1])
    for one, other in zip(forwards, backwards[::-1], strict=True):
        for a, b in zip(one, other, strict=True):
            assert a[1:] == b[1:]
            assert a[0] == pytest.approx(b[0], abs=1e-4)


def test_tick_counts_every_prompt(plain):
    ticks = []
    choices = [*CHOICES[:-2], [""], []]
    plain.log_likelihoods(prompts(), choices, lambda num, language: ticks.append((num, language)))
    assert ticks == [(1, "en")] * len(TEXTS)


def test_batches_keep_the_budget_and_have_little_padding(tiny_model):
    model = load(tiny_model, format="plain", batch_tokens=240)
    texts = ["How many" + " apples" * (i % 30) for i in range(60)]
    choices = [[" left"] if i % 3 else [" are left?", " 7"] for i in range(60)]
    sequences = model.loaded.encoder.sequences(prompts(texts), choices, None)
    runs = lay_out(sequences, 0, 240, 256) + lay_out(sequences, 1000, 240, 256)
    rows = [run[0] for run in runs if len(run) == 1]
    batches = list(model._batches(rows))
    assert sorted(map(id, rows)) == sorted(id(row) for batch in batches for row in batch)
    assert len(batches) < len(rows) / 2
    for batch in batches:
        lengths = [len(row.ids) for row in batch]
        assert len(batch) == 1 or len(batch) * max(lengths) <= 240
        assert len(batch) * max(lengths) - sum(lengths) <= 30
        assert len({row.is_chain for row in batch}) == 1


def test_nothing_to_do(plain):
    assert plain.log_likelihoods([], []) == []


def test_bad_input(plain, tmp_path):
    with pytest.raises(ValueError, match="give each prompt a list"):
        plain.log_likelihoods(prompts(), CHOICES[1:])
    with pytest.raises(ValueError, match="ask the task by generation"):
        load_likelihood(FileSamplerConfig(path=tmp_path))


def test_a_model_that_answers_nonsense_is_unknown(tiny_model):
    import torch

    model = load(tiny_model, format="plain")
    with torch.no_grad():
        model.loaded.model.model.norm.weight.fill_(math.nan)
    assert model.log_likelihoods(prompts(TEXTS[:1]), CHOICES[:1]) == [[None] * 4]


TOKENS = st.lists(st.integers(0, 2), min_size=2, max_size=12)


@given(
    st.lists(st.tuples(st.integers(0, 3), TOKENS), max_size=12),
    st.lists(st.integers(0, 2), max_size=8),
    st.integers(0, 20),
    st.integers(4, 16),
    st.data(),
)
def test_a_row_holds_each_sequence_once(drawn, beginning, shared_length, small_row, data):
    """What a token sees, itself last, is its own sequence up to it, at positions from 0."""
    sequences = [
        TokenSequence(
            place, i, beginning + ids, data.draw(st.integers(1, len(beginning + ids) - 1))
        )
        for i, (place, ids) in enumerate(drawn)
    ]
    runs = lay_out(sequences, shared_length, 20, small_row)
    scored = [sequence.choice for run in runs for row in run for sequence, _ in row.scored]
    assert sorted(scored) == list(range(len(sequences)))
    for run in runs:
        assert run[0].num_known == 0
        for before, row in pairwise(run):
            assert 0 < row.num_known == run[-1].num_known
            assert row.ids[: row.num_known] == before.ids[: row.num_known]
    for row in (row for run in runs for row in run):
        longest = max(len(s.ids) - 1 for s, _ in row.scored)
        assert len(row.ids) - row.num_known <= max(20, longest)
        assert len(row.ids) <= max(1, sum(len(s.ids) - 1 for s, _ in row.scored))
        assert row.num_scored == sum(len(places) for _, places in row.scored)
        if not row.is_chain:
            assert longest <= shared_length
        for sequence, places in row.scored:
            assert len(places) == len(sequence.ids) - sequence.start
            assert places[0] >= row.num_known
            last = places[-1]
            seen = [j for j in range(last + 1) if last < row.ends[j]]
            assert [row.ids[j] for j in seen] == sequence.ids[:-1]
            assert [row.depths[j] for j in seen] == list(range(len(seen)))
            assert seen[sequence.start - 1 :] == places


def shots_and_questions(num):
    """Worked examples that fill half of the window, and questions after them."""
    words = ["apples", "manzanas", "maapulo", "left", "7", "quedan", "many", "are"]
    questions = [f"{words[i % 8]} {words[i // 8]} {'How many ' * (i % 3)}" for i in range(num)]
    return prompts([SHOTS * 3 + question for question in questions])


@pytest.mark.parametrize("small_row", [16, 64])
def test_rows_of_a_run_read_as_each_alone(tiny_model, small_row):
    """The first row leaves the worked examples to the others; a choice may be one token or many."""
    model = load(tiny_model, format="plain")
    model.small_row = small_row
    texts = [prompt.text for prompt in shots_and_questions(24)]
    choices = [[" 7", " 8"], [" There are 7 apples", " left"], [" 7"]] * 8
    sequences = model.loaded.encoder.sequences(prompts(texts), choices, None)
    runs = lay_out(sequences, model.shared_length, model.batch_tokens, small_row)
    assert max(map(len, runs)) > 2
    assert_naive(model, texts, choices)


def test_the_prompt_and_the_worked_examples_are_computed_once(plain):
    asked = shots_and_questions(24)
    sequences = plain.loaded.encoder.sequences(asked, [[" are left?", " quedan?"]] * 24, None)
    ((*rows,),) = lay_out(sequences, plain.shared_length, 2000, 64)
    assert len(rows) > 2
    num_shots = len(plain.loaded.encoder.encode([SHOTS * 3])[0])
    computed = sum(len(row.ids) - row.num_known for row in rows)
    alone = sum(len(sequence.ids) - 1 for sequence in sequences)
    assert computed <= alone - (len(sequences) - 1) * (num_shots - 1)
    ((*row,),) = lay_out(sequences, plain.shared_length, 2000, 2000)
    assert len(row) == 1
    apart = lay_out(sequences, 0, 2000, 64)
    assert sum(len(row.ids) for run in apart for row in run) == alone
