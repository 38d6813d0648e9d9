"""The likelihood of the dominant answer as a translation: who is read as whose, and laws."""

import json

import pytest
from apples import rows_of
from family_rows import FAMILIES, check_order, rewards_of, rows, scored_recipe
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason
from isoglot.core.scorers import TranslationLikelihoodConfig
from isoglot.lab.shipped import lab_path
from isoglot.line.memory import stage_memories
from isoglot.line.pipeline import run_recipe
from isoglot.line.scorers import check_scorer
from isoglot.models.memory import Device
from isoglot.models.scorers.load import load_scorers, scorer_settings, translation_model
from isoglot.models.scorers.translation_likelihood import TranslationLikelihoodScorer
from isoglot.models.translation.seq2seq import Seq2SeqTranslator
from isoglot.planning.plan import plan_of

LAB = TranslationLikelihoodConfig(path=lab_path("lab:translator"))


class Overlap:
    """A translator for which a translation costs 1 for each word that the text has not."""

    name = "overlap@1"

    def __init__(self):
        self.seen = []

    def log_probabilities(self, texts, sources, translations, targets):
        self.seen += zip(texts, sources, translations, targets, strict=True)
        return [
            None if text == "?" else -float(len(set(wanted.split()) - set(text.split())))
            for text, wanted in zip(texts, translations, strict=True)
        ]


def scorer_of(translator=None, **settings):
    config = LAB.model_copy(update=settings)
    return TranslationLikelihoodScorer(translator or Overlap(), config, "en")


def test_the_first_dominant_answer_is_read_as_the_translation_of_each():
    translator = Overlap()
    found = rows({"de": ["x", "two x", "two words"], "en": ["two words", "x"], "sw": ["?", "x"]})
    told = rewards_of(scorer_of(translator), found)
    assert told == [-2, -1, 0, None, None, None, -2]
    assert translator.seen == [
        ("x", "de", "two words", "en"),
        ("two x", "de", "two words", "en"),
        ("two words", "de", "two words", "en"),
        ("?", "sw", "two words", "en"),
        ("x", "sw", "two words", "en"),
    ]


def test_what_has_no_reward():
    assert rewards_of(scorer_of(), rows({"de": ["x", "y"]})) == [None, None]
    assert rewards_of(scorer_of(), rows({"en": ["x", "y"]})) == [None, None]
    cut = rows({"en": ["x"]}, reason=FinishReason.LENGTH)
    assert rewards_of(scorer_of(), cut + rows({"de": ["x"]})) == [None, None]
    failed = rows({"de": ["x"]}, reason=FinishReason.ERROR) + rows({"de": [" "]})
    assert rewards_of(scorer_of(), rows({"en": ["x"]}) + failed) == [None] * 3


def test_the_control_takes_the_answer_of_another_family():
    found = rows({"en": ["a"], "de": ["a"]}) + rows({"en": ["b"], "de": ["b"]}, "g")
    assert rewards_of(scorer_of(), found) == [None, 0, None, 0]
    assert rewards_of(scorer_of(reference="another_family"), found) == [None, -1, None, -1]
    assert rewards_of(scorer_of(reference="another_family"), found[:2]) == [None, None]


@given(FAMILIES, FAMILIES, st.integers(0, 99))
def test_the_order_of_samples_and_languages_changes_nothing(one, other, seed):
    check_order(scorer_of(), rows(one) + rows(other, "g"), seed)


def recipe_with(**changes):
    scorer = {"kind": "translation_likelihood", "path": "lab:translator"}
    one_shard = {"prompts.num_families": 4, "families_per_shard": 250}
    return scored_recipe(scorer, **{**one_shard, **changes})


def test_a_run_rewards_what_translates_into_the_english_answer(tmp_path):
    run_recipe(recipe_with(), tmp_path, silent=True)
    found = rows_of(tmp_path / "round-0/score", Completion)
    name = "translation_likelihood"
    known = [row for row in found if row.rewards[name] is not None]
    assert known
    assert {row.language for row in known} == {"de"}
    (first,) = {row.family for row in known[:1]}
    english = next(r for r in found if (r.family, r.language, r.sample) == (first, "en", 0))
    by_hand = Seq2SeqTranslator(translation_model(LAB)).log_probabilities(
        [known[0].text], ["de"], [english.text], ["en"]
    )
    assert known[0].rewards[name] == pytest.approx(by_hand[0], abs=1e-4)


def test_the_plan_counts_the_translator():
    recipe = recipe_with()
    work, _ = [work for work in plan_of(recipe).works if work.stage == "score"]
    assert (work.model, work.num) == ("translator", 4 * 2 * 3)
    memories = stage_memories(recipe, Device("cpu", 8e9, is_cpu=True))
    assert [each.model for each in memories if each.stage == "score"] == [LAB.path]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"languages": ["en", "fo"]}, r"does not know Faroese \(fo\)"),
        ({"languages": ["de", "fr"]}, "'en' is not among `languages`"),
        ({"languages": ["en"]}, "expected two or more, got en"),
        ({"train": {"method": "rloo", "training": {}}}, "method rloo sees a prompt at a time"),
    ],
)
def test_what_the_recipe_lacks_is_named_before_anything_runs(changes, problem):
    recipe = recipe_with(**changes)
    with pytest.raises(InputError, match=problem):
        check_scorer(recipe.score.scorers[0], recipe)


def test_it_is_loaded_by_its_config_and_identified_by_its_weights():
    (scorer,) = load_scorers([LAB], None, dominant_language="en")
    assert scorer.name.startswith("translation_likelihood:translator@")
    settings = scorer_settings(LAB)
    assert LAB.path not in json.dumps(settings)
    assert settings["revision"]
    with pytest.raises(InputError, match="expected a recipe with parallel prompts"):
        load_scorers([LAB], None)
