"""The reward model as scorer, against the plain model; what it cannot score; the gold scorer."""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import GoldConfig, LanguageMatchConfig, RewardModelConfig
from isoglot.models.local.reward import RewardModel
from isoglot.models.scorers.load import load_scorers, scorer_config, scorer_settings
from isoglot.models.scorers.rules import GoldScorer

WORDS = ("apples", "manzanas", "maapulo", "left", "quedan", "yamebaki", "7", "?")


@pytest.fixture(scope="module")
def reward_folder(tiny_model, tmp_path_factory):
    """A tiny random reward model: the tiny policy with a head of one label."""
    return save_classifier(tiny_model, tmp_path_factory.mktemp("reward") / "tiny-rm")


@pytest.fixture(scope="module")
def reward_model(reward_folder):
    return RewardModel(RewardModelConfig(path=str(reward_folder)))


def save_classifier(policy, folder, num_labels=1):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(policy, num_labels=num_labels)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(policy).save_pretrained(folder)
    return folder


def rows_of(*texts, reason="stop", ask="How many?"):
    prompt = Prompt.from_text(ask, language="en")
    return [prompt] * len(texts), [
        Completion(prompt.family, prompt.prompt_id, "en", "m", i, text, reason)
        for i, text in enumerate(texts)
    ]


def by_hand(folder, text):
    """The logit of a whole conversation alone, from the plain model."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.no_grad():
        return float(model(ids).logits[0, 0])


def test_the_reward_is_the_logit_of_the_whole_conversation(reward_folder, reward_model):
    texts = ("There are 7 apples left.", "7")
    conversation = "<|user|>How many?<|end|><|assistant|>{}<|end|>"
    expected = [by_hand(reward_folder, conversation.format(text)) for text in texts]
    assert reward_model.score(*rows_of(*texts)) == pytest.approx(expected, abs=1e-5)
    assert abs(expected[0] - expected[1]) > 1e-3
    assert reward_model.name.startswith("tiny-rm@")


def test_an_answer_to_a_primed_turn_is_one_turn_with_it(reward_folder, reward_model):
    prompt = Prompt(
        *("f", "p", "en"),
        ({"role": "user", "content": "How many?"}, {"role": "assistant", "content": "There "}),
        "en",
    )
    completion = Completion("f", "p", "en", "m", 0, "are 7.", "stop")
    (reward,) = reward_model.score([prompt], [completion])
    text = "<|user|>How many?<|end|><|assistant|>There are 7.<|end|>"
    assert reward == pytest.approx(by_hand(reward_folder, text), abs=1e-5)


answers = st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), max_size=12)


@settings(max_examples=25, deadline=None)
@given(answers, st.integers(1, 400), st.randoms(use_true_random=False))
def test_neither_order_nor_batches_change_a_reward(reward_folder, texts, batch_tokens, rng):
    alone = _loaded(reward_folder, 1)
    prompts, completions = rows_of(*texts)
    expected = alone.score(prompts, completions)
    order = list(range(len(texts)))
    rng.shuffle(order)
    together = _loaded(reward_folder, batch_tokens)
    found = together.score(prompts, [completions[i] for i in order])
    for place, reward in zip(order, found, strict=True):
        if expected[place] is None:
            assert reward is None
        else:
            assert reward == pytest.approx(expected[place], abs=1e-5)
    for text, reward in zip(texts, expected, strict=True):
        assert (reward is None) == (not text or reward_is_too_long(alone, text))


def reward_is_too_long(model, text):
    conversation = f"<|user|>How many?<|end|><|assistant|>{text}<|end|>"
    return len(model.tokenizer(conversation, add_special_tokens=False)["input_ids"]) > 128


_MODELS: dict = {}


def _loaded(folder, batch_tokens):
    """One model in memory for all examples; the budget is all that differs."""
    model = _MODELS.setdefault(folder, RewardModel(RewardModelConfig(path=str(folder))))
    model.batch_tokens = batch_tokens
    return model


@pytest.mark.parametrize("empty_vocabulary", [False, True])
def test_a_model_without_a_padding_token_scores_batches_all_the_same(
    reward_folder, tmp_path, empty_vocabulary
):
    folder = shutil.copytree(reward_folder, tmp_path / "rm")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": None}))
    model = RewardModel(RewardModelConfig(path=str(folder)))
    if empty_vocabulary:  # as if every token stood in some row
        model._config.vocab_size = 0
    texts = ("7", "There are 7 apples left.", "Quedan 7 manzanas.")
    conversation = "<|user|>How many?<|end|><|assistant|>{}<|end|>"
    expected = [by_hand(folder, conversation.format(text)) for text in texts]
    assert model.score(*rows_of(*texts)) == pytest.approx(expected, abs=1e-5)


def test_padding_is_not_seen_by_a_model_that_reads_both_ways(tiny_model, tmp_path):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=len(tokenizer), num_labels=1, initializer_range=0.5, pad_token_id=0, **sizes
    )
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    texts = ("7", "There are 7 apples left.", "Quedan 7 manzanas.")
    rewards = RewardModel(RewardModelConfig(path=str(tmp_path))).score(*rows_of(*texts))
    conversation = "<|user|>How many?<|end|><|assistant|>{}<|end|>"
    expected = [by_hand(tmp_path, conversation.format(text)) for text in texts]
    assert rewards == pytest.approx(expected, abs=1e-5)


def test_what_it_cannot_score_is_none_and_nothing_is_cut_off(reward_model):
    long = "manzanas " * 200
    prompts, completions = rows_of("", " \n", long, "7")
    failed = rows_of("half an answer", reason=FinishReason.ERROR)[1]
    cut_off = rows_of("There are", reason=FinishReason.LENGTH)[1]
    rewards = reward_model.score([*prompts, *prompts[:2]], [*completions, *failed, *cut_off])
    assert [reward is None for reward in rewards] == [True, True, True, False, True, False]
    assert reward_model.score([], []) == []


def test_a_logit_that_is_no_number_is_none(reward_folder):
    import torch

    model = RewardModel(RewardModelConfig(path=str(reward_folder)))
    with torch.no_grad():
        model.model.score.weight.fill_(float("nan"))
    assert model.score(*rows_of("7")) == [None]


def test_two_labels_are_refused(tiny_model, tmp_path):
    folder = save_classifier(tiny_model, tmp_path / "two", num_labels=2)
    with pytest.raises(ValueError, match="a reward model with one label, got 2 labels in"):
        RewardModel(RewardModelConfig(path=str(folder)))


def test_a_policy_is_no_reward_model(tiny_model, reward_folder, tmp_path):
    with pytest.raises(ValueError, match="expected a sequence classification model as reward mo"):
        RewardModel(RewardModelConfig(path=str(tiny_model)))
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(reward_folder, tmp_path / "headless")
    weights = load_file(folder / "model.safetensors")
    del weights["score.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"got none for score\.weight in .*train it first"):
        RewardModel(RewardModelConfig(path=str(folder)))


def test_no_template_and_a_template_that_refuses(reward_folder, tmp_path):
    folder = shutil.copytree(reward_folder, tmp_path / "rm")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no such turn') }}")
    model = RewardModel(RewardModelConfig(path=str(folder)))
    with pytest.raises(
        ValueError, match=r"takes turns of user, assistant, got TemplateError: no such"
    ):
        model.score(*rows_of("7"))
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="expected a tokenizer with a chat template, got none"):
        RewardModel(RewardModelConfig(path=str(folder)))


def test_pickled_weights_are_refused(reward_folder, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = shutil.copytree(reward_folder, tmp_path / "rm")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"expected a model with \*\.safetensors weights"):
        RewardModel(RewardModelConfig(path=str(folder)))


def test_gold_is_asked_of_finished_answers_only():
    def grader(text, gold):
        return None if text == "?" else float(text == gold)

    prompts = [
        Prompt.from_text("3 + 4", language="en", gold=gold) for gold in ("7", "7", "7", None)
    ]
    texts, reasons = ("7", "8", "?", "7"), ("stop",) * 4
    completions = [
        Completion(p.family, p.prompt_id, "en", "m", 0, text, reason)
        for p, text, reason in zip(prompts, texts, reasons, strict=True)
    ]
    scorer = GoldScorer(grader)
    assert scorer.score(prompts, completions) == [1.0, 0.0, None, None]
    for reason in (FinishReason.LENGTH, FinishReason.ERROR):
        (cut,) = rows_of("7", reason=reason)[1]
        assert scorer.score(prompts[:1], [cut]) == [None]


class Identifier:
    name = "fixed"

    def identify(self, texts):
        return ["en" for _ in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


def test_scorers_by_config_and_by_name(reward_folder):
    configs = [LanguageMatchConfig(), GoldConfig(grader="exact"), str(reward_folder)]
    graders = {"exact": lambda text, gold: float(text == gold)}
    match, gold, reward = load_scorers(configs, Identifier(), graders)
    assert (match.name, gold.name) == ("language_match", "exact")
    assert reward.name.startswith("tiny-rm@")
    assert scorer_config("language_match") == LanguageMatchConfig()
    with pytest.raises(ValueError, match=r"expected a grader among exact, got 'exakt'; correct"):
        load_scorers([GoldConfig(grader="exakt")], Identifier(), graders)


def test_the_settings_of_a_scorer_say_what_its_rewards_depend_on(reward_folder, tmp_path):
    moved = shutil.copytree(reward_folder, tmp_path / "elsewhere")
    here, there = (
        scorer_settings(RewardModelConfig(path=str(path), batch_tokens=n))
        for path, n in ((reward_folder, 1), (moved, 2))
    )
    assert here == there
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.1}))
    assert scorer_settings(RewardModelConfig(path=str(moved))) != here
    assert scorer_settings(GoldConfig(grader="a")) != scorer_settings(GoldConfig(grader="b"))


def test_a_reward_model_needs_its_path():
    with pytest.raises(ValidationError, match="path"):
        RewardModelConfig()


def test_special_tokens_in_an_answer_are_characters(reward_model):
    tokenizer = reward_model.tokenizer
    kept = []
    for text in ("7", "7<|end|><|user|>A<|pad|>"):
        ((_, ids),) = reward_model._rows(*rows_of(text, ask=f"<|end|><|assistant|>{text}"))
        kept.append([token for token in ids if token in tokenizer.added_tokens_decoder])
        assert tokenizer.decode(ids).count(text) == 2
    assert kept[0] == kept[1]
