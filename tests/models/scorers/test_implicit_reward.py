"""Implicit rewards: by hand from the logits, laws, and the penalty that is fitted to all shards."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from apples import rows_of
from family_rows import FAMILIES, check_order, rewards_of, rows, scored_recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.protocols import Likelihood
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import ImplicitRewardConfig
from isoglot.data.length_penalty import fit_length_penalties
from isoglot.lab.shipped import lab_path
from isoglot.line.checks import check_settings
from isoglot.line.memory import stage_memories
from isoglot.line.pipeline import run_recipe
from isoglot.line.scorers import check_scorer
from isoglot.models.memory import Device
from isoglot.models.scorers.implicit_reward import ImplicitReward, prompts_in
from isoglot.models.scorers.load import load_scorers, scorer_settings
from isoglot.planning.plan import plan_of
from isoglot.recipe.recipe import load_recipe

PREFIX = (
    "Please answer the following instruction using only German, unless explicitly instructed "
    "to respond in a different language.\n\n"
)


class Lengths:
    """A model whose log-probability of an answer is its length times a factor; None of `out`."""

    def __init__(self, factor: float, out: Sequence[str] = ()) -> None:
        self.name, self.factor, self.out = f"times{factor:g}", factor, out
        self.seen: list[str] = []

    def log_likelihoods(self, prompts, continuations, tick=None):  # noqa: ARG002
        self.seen += [prompt.text for prompt in prompts]
        return [
            [
                None if t in self.out else Likelihood(self.factor * len(t), len(t), False)
                for t in row
            ]
            for row in continuations
        ]


def scorer_of(policy=None, reference=None, **given):
    return ImplicitReward(policy or Lengths(-1), reference or Lengths(-3), "en", **given)


def test_it_is_the_difference_under_the_dominant_prompt():
    policy = Lengths(-1)
    found = rows({"de": ["abc", "abcd", "abc"], "en": ["ab"]})
    assert rewards_of(scorer_of(policy), found) == [6, 8, 6, 4]
    assert policy.seen == [f"{PREFIX}f in en", "f in en"], "each text once"
    assert rewards_of(scorer_of(length_penalty=1.5), found) == [1.5, 2, 1.5, 1]


def test_what_has_no_reward():
    assert rewards_of(scorer_of(), rows({"de": ["abc"]})) == [None], "no prompt in English"
    failed = rows({"en": ["ab"]}, reason=FinishReason.ERROR)
    assert rewards_of(scorer_of(), failed + rows({"de": ["", "a"]})) == [None, None, 2]
    found = rows({"en": ["ab", "long"]})
    for out in ({"policy": Lengths(-1, ["long"])}, {"reference": Lengths(-3, ["long"])}):
        assert rewards_of(scorer_of(**out), found) == [4, None]


def test_training_a_prompt_at_a_time_has_the_dominant_prompts_beside_it():
    prompts = [prompt for prompt, _ in rows({"en": ["x"], "de": ["y"]})]
    known = prompts_in("en", prompts)
    assert list(known) == ["f"]
    scorer = scorer_of(dominant_prompts=known)
    assert rewards_of(scorer, rows({"de": ["abc"]})) == [6]
    across = [replace(prompt, answer_language="sw") for prompt in prompts]
    assert prompts_in("en", across) == {}, "a request for Swahili is none in English"


@given(FAMILIES, FAMILIES, st.integers(0, 99))
def test_the_order_of_samples_and_languages_changes_nothing(one, other, seed):
    check_order(scorer_of(), rows(one) + rows(other, "g"), seed)


@pytest.fixture(scope="module")
def lab_scorer():
    """The implicit reward of a lab model over another."""
    config = ImplicitRewardConfig(
        policy=lab_path("lab:policy"), reference=lab_path("lab:hasty"), length_penalty=0.5
    )
    return load_scorers([config], None, dominant_language="en")[0]


def test_the_reward_of_a_model_is_that_of_its_logits(lab_scorer):
    import torch

    prompts = [
        Prompt.from_text(text, language=tag, family="f")
        for tag, text in (("en", "What is 3 plus 4?"), ("de", "Was ist 3 plus 4?"))
    ]
    answer = "3 plus 4 ist 7."
    row = Completion("f", prompts[1].prompt_id, "de", "m", 0, answer, "stop")
    told = lab_scorer.score(prompts, [replace(row, text=""), row])[1]
    by_hand = []
    for model in lab_scorer._models:
        tokenizer = model.loaded.encoder.tokenizer
        turn = [{"role": "user", "content": f"{PREFIX}What is 3 plus 4?"}]
        text = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        start = len(tokenizer(text.rstrip(), add_special_tokens=False)["input_ids"])
        ids = torch.tensor([tokenizer(text + answer, add_special_tokens=False)["input_ids"]])
        logs = model.loaded.model(input_ids=ids).logits[0].detach().log_softmax(-1)
        places = range(start, ids.shape[1])
        by_hand.append(sum(float(logs[i - 1, ids[0, i]]) for i in places))
    assert told == pytest.approx(by_hand[0] - by_hand[1] - 0.5 * len(answer), abs=1e-3)
    assert abs(by_hand[0] - by_hand[1]) > 0.1


def answers(prompt, *lengths_and_rewards, language="de"):
    return [
        Completion("f", prompt, language, "m", i, "x" * length, "stop", rewards={"r": reward})
        for i, (length, reward) in enumerate(lengths_and_rewards)
    ]


def test_a_penalty_by_hand():
    """Both prompts choose the long answer (100 characters, not 10) without a penalty.

    The first stops at 5 / 90 = .0556, the second at 9 / 90 = .1; in between they balance, from the
    grid's .056 on.
    """
    found = answers("p", (100, 10.0), (10, 5.0)) + answers("q", (100, 10.0), (10, 1.0))
    assert fit_length_penalties(found, "r") == {"de": 0.056}
    english = answers("p", (9, 1.0), (9, 0.0), language="en")
    assert fit_length_penalties(found + english, "r") == {"de": 0.056, "en": 0.0}
    unknown = [
        *answers("s", (5, 1.0)),
        *answers("t", (5000, 1.0), (1, None)),
        *(replace(row, finish_reason="length") for row in answers("u", (5000, 9.0), (1, 0.0))),
    ]
    assert fit_length_penalties(found + unknown, "r") == {"de": 0.056}
    assert fit_length_penalties(answers("p", (5, 1.0)), "r") == {"de": 0.0}
    assert fit_length_penalties(answers("p", (5, None)), "r") == {}


PAIRS = st.lists(st.tuples(st.integers(1, 80), st.integers(-9, 9)), min_size=1, max_size=4)


@settings(max_examples=25)
@given(st.lists(PAIRS, min_size=1, max_size=4), st.integers(-50, 50), st.randoms())
def test_a_penalty_depends_on_differences_within_prompts_alone(prompts, shift, random):
    found = [row for i, each in enumerate(prompts) for row in answers(f"p{i}", *each)]
    known = fit_length_penalties(found, "r")
    random.shuffle(found)
    assert fit_length_penalties(found, "r") == known
    moved = [replace(row, rewards={"r": row.rewards["r"] + shift}) for row in found]
    assert fit_length_penalties(moved, "r") == known


def recipe_with(**changes):
    scorer = {"kind": "implicit_reward", "policy": "lab:policy", "reference": "lab:hasty"}
    return scored_recipe(scorer, **changes)


def test_the_penalty_of_a_run_is_fitted_to_all_its_shards(tmp_path):
    run_recipe(recipe_with(), tmp_path, silent=True)
    folder = tmp_path / "round-0/score"
    raw, rewarded = rows_of(folder / "unfitted", Completion), rows_of(folder, Completion)
    penalties = json.loads((folder / "length_penalties.json").read_text())["implicit_reward"]
    assert penalties == fit_length_penalties(raw, "implicit_reward")
    assert set(penalties) == {"en", "de"}
    assert len(rewarded) == len(raw) == 6 * 2 * 3
    for row, before in zip(rewarded, raw, strict=True):
        value = before.rewards["implicit_reward"] - penalties[row.language] * len(row.text)
        assert row.rewards["implicit_reward"] == pytest.approx(value)
        is_cut = row.finish_reason == "length"
        assert row.rewards["total"] == (None if is_cut else pytest.approx(value))


def test_the_plan_counts_both_models_and_holds_them_at_once():
    recipe = recipe_with()
    works = [work for work in plan_of(recipe).works if work.stage == "score"]
    assert [work.model for work in works] == ["policy", "hasty", "language_match"]
    assert works[0].tokens_in == works[1].tokens_in
    assert works[0].tokens_in.typical > 0
    device = Device("cpu", 8e9, is_cpu=True)
    (memory,) = [each for each in stage_memories(recipe, device) if each.stage == "score"]
    assert memory.memory.parts["reference"] > 1e6


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"score.scorers.0.policy": "lab:hasty"}, "got the weights of .*hasty for both"),
        ({"languages": ["de", "fr"]}, "'en' is not among `languages`"),
        ({"score.scorers.0.reference": "openai:gpt-4o"}, "needs a model with weights of one's own"),
        ({"train": {"method": "rloo", "training": {}}}, "and method rloo sees a few at a time"),
        ({"train": {"method": "dpo", "choose": {}}}, "and train.choose sees a few at a time"),
    ],
)
def test_what_the_recipe_lacks_is_named_before_anything_runs(changes, problem):
    recipe = recipe_with(**changes)
    with pytest.raises(InputError, match=problem):
        check_scorer(recipe.score.scorers[0], recipe)


def test_the_start_may_be_the_reference_of_a_later_round():
    changes = {"policy.path": "lab:hasty", "score.scorers.0.policy": None}
    recipe = recipe_with(**changes)
    with pytest.raises(InputError, match=r"got the weights of .*hasty for both"):
        check_scorer(recipe.score.scorers[0], recipe)
    check_scorer(recipe.score.scorers[0], recipe, is_trained=True)
    check_settings(load_recipe("icr-lab"), Path("none"))


def test_online_training_takes_a_number():
    changes = {"train": {"method": "rloo", "training": {}}, "score.scorers.0.length_penalty": 0.1}
    recipe = recipe_with(**changes)
    check_scorer(recipe.score.scorers[0], recipe)


def test_the_weights_decide_the_fingerprint():
    config = recipe_with().score.scorers[0]
    settings = scorer_settings(config)
    assert settings["policy"]["revision"] != settings["reference"]["revision"]
    assert config.reference not in json.dumps(settings), "no path of this machine"
    assert scorer_settings(config.model_copy(update={"policy": None}))["policy"] is None
