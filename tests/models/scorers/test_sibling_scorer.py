"""Win rates against siblings: a worked example, laws, and a judge that sees a reference."""

from dataclasses import replace

import pytest
from fakes import FakeSampler
from family_rows import FAMILIES, check_order, rewards_of, rows
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.protocols import Judgement, no_tick
from isoglot.core.records import FinishReason
from isoglot.core.scorers import SiblingsConfig
from isoglot.core.section import validated
from isoglot.line.scorers import check_scorer
from isoglot.models.judges.comparison import SamplerJudge
from isoglot.models.scorers.load import load_scorers, scorer_settings, sibling_judge_config
from isoglot.models.scorers.siblings import SiblingScorer
from isoglot.planning.plan import plan_of
from isoglot.recipe.recipe import load_recipe


class LongerWins:
    """A judge that prefers the longer answer, and the first of two by a bias of a tenth."""

    name = "longer@1"

    def __init__(self, unread=()):
        self.seen = []
        self.unread = unread

    def judge(self, prompts, first, second, tick=no_tick):  # noqa: ARG002
        self.seen += zip(prompts, first, second, strict=True)
        return [
            Judgement(
                None
                if {a, b} & set(self.unread)
                else 0.5 + 0.4 * (len(a) > len(b)) - 0.4 * (len(a) < len(b)) + 0.1,
                "",
            )
            for a, b in zip(first, second, strict=True)
        ]


def scorer_of(judge, **settings):
    return SiblingScorer(judge, SiblingsConfig(model="m", **settings), "en")


def test_a_round_robin_by_hand():
    """Of "a", "bb", "bb", "cccc": each pair counts (forward + 1 - backward) / 2, so the bias goes.

    A win is .9, a loss .1, equal texts .5: a has three losses; bb a win, a tie, a loss; cccc three
    wins.
    """
    judge = LongerWins()
    told = rewards_of(scorer_of(judge), rows({"en": ["a", "bb", "bb", "cccc"]}))
    assert told == pytest.approx([0.1, 0.5, 0.5, 0.9])
    assert len(judge.seen) == 2 * (6 - 1), "both orders of every pair, but of the equal texts"


def test_answers_to_other_prompts_are_no_siblings():
    judge = LongerWins()
    found = rows({"en": ["a", "bb"], "de": ["a"]}) + rows({"en": ["ccc"]}, "g")
    assert rewards_of(scorer_of(judge), found) == pytest.approx([0.1, 0.9, None, None])
    assert {prompt.prompt_id for prompt, _, _ in judge.seen} == {found[0][0].prompt_id}


def test_what_failed_or_is_empty_takes_no_part():
    found = rows({"en": ["a", "bb"]}) + rows({"en": ["ccc"]}, reason=FinishReason.ERROR)
    assert rewards_of(scorer_of(LongerWins()), found) == pytest.approx([0.1, 0.9, None])
    assert rewards_of(scorer_of(LongerWins()), rows({"en": ["a", " "]})) == [None, None]


def test_an_unread_verdict_is_in_no_mean():
    found = rows({"en": ["a", "bb", "cccc"]})
    assert rewards_of(scorer_of(LongerWins(unread=["a"])), found) == pytest.approx([None, 0.1, 0.9])
    assert rewards_of(scorer_of(LongerWins(unread=["a", "bb"])), found) == [None] * 3


@given(FAMILIES, FAMILIES, st.integers(0, 99))
def test_the_order_of_samples_and_languages_changes_nothing(one, other, seed):
    for reference in ("none", "dominant"):
        scorer = scorer_of(LongerWins(), reference=reference)
        check_order(scorer, rows(one) + rows(other, "g"), seed)


@given(FAMILIES)
def test_the_rewards_of_a_prompt_are_a_half_in_the_mean(answers):
    found = rows(answers)
    told = list(zip(found, rewards_of(scorer_of(LongerWins()), found), strict=True))
    for tag in answers:
        known = [each for (_, row), each in told if row.language == tag and each is not None]
        assert not known or sum(known) / len(known) == pytest.approx(0.5)


def test_the_judge_sees_the_answer_in_the_dominant_language():
    judge = LongerWins()
    found = rows({"en": ["first", "second"], "de": ["a", "bb"]}) + rows({"de": ["c", "dd"]}, "g")
    told = rewards_of(scorer_of(judge, reference="dominant"), found)
    assert told == pytest.approx([0.1, 0.9, 0.1, 0.9, None, None])
    assert {(prompt.language, prompt.gold) for prompt, _, _ in judge.seen} == {
        ("en", None),
        ("de", "first"),
    }


def test_the_control_shows_the_answer_of_another_family():
    judge = LongerWins()
    found = rows({"en": ["of f"], "de": ["a", "bb"]}) + rows(
        {"en": ["of g"], "de": ["a", "b"]}, "g"
    )
    rewards_of(scorer_of(judge, reference="another_family"), found)
    assert {(prompt.family, prompt.gold) for prompt, _, _ in judge.seen} == {
        ("f", "of g"),
        ("g", "of f"),
    }
    alone = rows({"en": ["of f"], "de": ["a", "bb"]})
    assert rewards_of(scorer_of(judge, reference="another_family"), alone) == [None] * 3


def test_a_model_reads_the_reference_between_tags():
    config = SiblingsConfig(model="m", reference="dominant")
    requests = []

    def answer(prompt, _):
        requests.append(prompt.text)
        return "Verdict: A"

    judge = SamplerJudge(FakeSampler(answer), sibling_judge_config(config))
    found = rows({"en": ["seven"], "de": ["sieben", "acht"]})
    assert rewards_of(SiblingScorer(judge, config, "en"), found) == [None, 0.5, 0.5]
    assert len(requests) == 2
    assert all("\nseven\n</reference answer " in text for text in requests)
    prompt, row = found[1]
    own = replace(prompt, gold="THE GOLD")
    rewards_of(SiblingScorer(judge, SiblingsConfig(model="m"), "en"), [(own, row)] * 2)
    assert not any("THE GOLD" in text for text in requests)


def test_it_is_loaded_by_its_config(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"prompt_id": "x", "completion": "Verdict: A"}\n', "utf-8")
    config = SiblingsConfig(model=str(path))
    (scorer,) = load_scorers([config], None)
    assert scorer.name.startswith("siblings:verdicts@")
    with pytest.raises(InputError, match="expected a recipe with parallel prompts"):
        load_scorers([SiblingsConfig(model=str(path), reference="dominant")], None)
    before = scorer_settings(config)
    assert str(tmp_path) not in str(before)
    assert scorer_settings(SiblingsConfig(model=str(path), reference="dominant")) != before
    assert "Which answer serves" in before["judge"]["template"]


@pytest.mark.parametrize(
    ("settings", "changes", "problem"),
    [
        ({}, {"generate.sampling": {}, "pair.method": "best_vs_random"}, "two or more, got one"),
        ({"reference": "dominant"}, {"languages": ["de", "fr"]}, "'en' is not among `languages`"),
        ({"reference": "dominant"}, {"languages": ["en"]}, "expected two or more, got en"),
        ({}, {"train.choose": {}}, "train.choose takes one for each"),
        ({"template": "{prompt}"}, {}, r"siblings: template: expected \{first\}, \{second\}"),
    ],
)
def test_what_the_recipe_lacks_is_named_before_anything_runs(settings, changes, problem):
    name = "grpo-language-lab" if problem.startswith("method") else "xsc-lab"
    if "two or more, got one" in problem:
        changes = {"generate.sampling.num_samples": 1, "train": None, "rounds": 1}
    recipe = load_recipe(name, {"unseen_languages": [], **changes})
    with pytest.raises(InputError, match=problem):
        check_scorer(SiblingsConfig(model="m", **settings), recipe)


def test_online_it_compares_the_answers_of_a_batch_alone():
    recipe = load_recipe("grpo-language-lab")
    check_scorer(SiblingsConfig(model="m"), recipe)
    with pytest.raises(InputError, match="method grpo sees a prompt at a time"):
        check_scorer(SiblingsConfig(model="m", reference="dominant"), recipe)


def test_siblings_are_answered_in_one_process():
    launched = {"launch.num_processes": 2, "train.training.num_generations": 8}
    recipe = load_recipe(
        "grpo-language-lab", {**launched, "train.training.per_device_train_batch_size": 4}
    )
    recipe = load_recipe(recipe, {"train.training.gradient_accumulation_steps": 1})
    with pytest.raises(InputError, match="got 4 answers in each"):
        check_scorer(SiblingsConfig(model="m"), recipe)
    whole = load_recipe(recipe, {"train.training.per_device_train_batch_size": 16})
    check_scorer(SiblingsConfig(model="m"), whole)


@pytest.mark.parametrize(
    ("reference", "template"), [("dominant", "{prompt}"), ("none", "{reference}")]
)
def test_a_template_shows_the_reference_if_there_is_one(reference, template):
    values = {"model": "m", "reference": reference, "template": template}
    with pytest.raises(InputError, match="if and only if a reference is shown"):
        validated(SiblingsConfig, values, "scorer")


def test_the_plan_counts_every_two_answers_in_both_orders():
    scorers = [
        {"kind": "siblings", "model": "openai:judge-8b", "reference": "dominant"},
        "language_match",
    ]
    recipe = load_recipe("xsc-lab", {"score.scorers": scorers, "rounds": 1})
    plan = plan_of(recipe)
    work, _ = [work for work in plan.works if work.stage == "score"]
    assert (work.unit, work.num) == ("verdicts", 1000 * 6 * 8 * 7)
    assert work.usd is None, "the recipe gives no price"
    assert work.tokens_in.typical > work.num * 3 * 20, "three answers and a template each"
