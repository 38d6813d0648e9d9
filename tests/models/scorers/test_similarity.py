"""Similarity to the dominant answer: by hand from vectors, laws, and the embeddings of models."""

import json

import numpy as np
import pytest
from apples import rows_of
from family_rows import FAMILIES, check_order, rewards_of, rows, scored_recipe
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import ConsistencyConfig, SimilarityConfig
from isoglot.lab.shipped import lab_path
from isoglot.line.memory import stage_memories
from isoglot.line.pipeline import run_recipe
from isoglot.line.scorers import check_scorer
from isoglot.models.load import PolicyConfig
from isoglot.models.local.embedding import HiddenStates
from isoglot.models.memory import Device
from isoglot.models.scorers.load import scorer_settings
from isoglot.models.scorers.similarity import SimilarityScorer, calibration_means
from isoglot.planning.plan import plan_of

ANGLES = {"a": 0, "b": 60, "c": 90, "d": 180, "e": 300}
"""Texts as unit vectors of a plane, in degrees."""


class Angles:
    """An embedder of texts at angles; others have none."""

    name = "angles"

    def __init__(self, angles=ANGLES):
        self.angles = {text: np.radians(degrees) for text, degrees in angles.items()}
        self.seen = []

    def embed(self, texts):
        self.seen += texts
        known = [self.angles.get(text) for text in texts]
        return [None if a is None else np.array([np.cos(a), np.sin(a)]) for a in known]


def similarity(means=None, **settings):
    return SimilarityScorer(Angles(), SimilarityConfig(**settings), "en", means)


def consistency(means=None, **settings):
    return SimilarityScorer(Angles(), ConsistencyConfig(**settings), "en", means)


def near(*values):
    return [value if value is None else pytest.approx(value, abs=1e-6) for value in values]


def test_cosines_by_hand():
    """The reference is the first English answer, at 0 degrees: 60 are .5, 90 are 0, 180 are -1."""
    found = rows({"de": ["a", "b", "c"], "en": ["a", "b"], "sw": ["d", "?", ""]})
    told = near(1, 0.5, 0, None, 0.5, -1, None, None)
    assert rewards_of(similarity(), found) == told
    means = {"de": 0.8, "sw": 0.5}
    calibrated = near(1.2, 0.7, 0.2, None, 0.5, -0.5, None, None)
    assert rewards_of(similarity(means), found) == calibrated
    assert rewards_of(similarity({"de": 0.8}), found)[5] is None, "nothing says what sw's is"


def test_the_most_consistent_answer_is_the_reference():
    """Of 0, 60, 90 and 300 degrees the mean cosines are those to the other three.

    0: (.5 + 0 + .5) / 3 = .333; 60: (.5 + .866 - .5) / 3 = .289; 90: (0 + .866 - .866) / 3 = 0;
    300: (.5 - .5 - .866) / 3 = -.289. The reference is at 0, although it comes last.
    """
    half = 3**0.5 / 2
    found = rows({"en": ["b", "c", "e", "a"], "de": ["b", "d"]})
    means = near((0.5 + half - 0.5) / 3, 0, -half / 3, 1 / 3)
    assert rewards_of(consistency(), found) == [*means, *near(0.5, -1)]
    assert rewards_of(similarity(), found) == near(None, half, -0.5, 0.5, 1, -0.5)
    assert rewards_of(consistency({"de": 0.9}), found) == [*means, *near(0.6, -0.9)]
    alone = rows({"en": ["a"], "de": ["b"]})
    assert rewards_of(consistency(), alone) == near(None, 0.5)


def test_equal_consistency_takes_the_first_sample():
    found = rows({"en": ["b", "a"], "de": ["a"]})
    assert rewards_of(consistency(), found) == near(0.5, 0.5, 0.5), "both are as near as the other"
    assert rewards_of(consistency(), found[::-1]) == near(0.5, 0.5, 0.5)


def test_what_has_no_reference():
    for scorer in (similarity(), consistency()):
        assert rewards_of(scorer, rows({"de": ["a", "b"]})) == [None, None]
        cut = rows({"en": ["a"]}, reason=FinishReason.LENGTH) + rows({"de": ["b"]})
        assert rewards_of(scorer, cut) == [None, None]
        assert rewards_of(scorer, rows({"en": ["?"], "de": ["b"]})) == [None, None]
        prompt, row = rows({"en": ["a"]})[0]
        copy = Completion(*row.__getstate__()[:5], "a", "stop", translated_from="de's")
        assert rewards_of(scorer, [(prompt, copy), *rows({"de": ["b"]})]) == [None, None]


def test_the_control_takes_the_reference_of_another_family():
    found = rows({"en": ["a"], "de": ["a"]}) + rows({"en": ["d"], "de": ["d"]}, "g")
    assert rewards_of(similarity(), found) == near(None, 1, None, 1)
    shifted = similarity(reference="another_family")
    assert rewards_of(shifted, found) == near(-1, -1, -1, -1)
    assert rewards_of(shifted, rows({"en": ["a"], "de": ["a"]})) == [None, None]


TEXTS = st.sampled_from([*ANGLES, "", "?"])
ANGLED = st.dictionaries(
    st.sampled_from(["en", "de", "sw"]), st.lists(TEXTS, min_size=1, max_size=4), min_size=1
)


@given(ANGLED, ANGLED, st.integers(0, 99))
def test_the_order_of_samples_and_languages_changes_nothing(one, other, seed):
    for scorer in (similarity(), consistency(), similarity({"de": 0.5})):
        check_order(scorer, rows(one) + rows(other, "g"), seed)


def prompts_of(**by_family):
    return [
        Prompt.from_text(text, language=tag, family=family)
        for family, texts in by_family.items()
        for tag, text in texts.items()
    ]


def test_a_calibration_by_hand():
    """German is at 60 and 90 degrees to English, Swahili at 180 once; g has no English."""
    prompts = prompts_of(
        f={"en": "a", "de": "b", "sw": "d"}, g={"de": "c"}, h={"en": "a", "de": "c", "sw": "?"}
    )
    means = calibration_means(prompts, Angles(), "en", 200)
    assert means == {"de": pytest.approx(0.25), "sw": pytest.approx(-1)}
    assert calibration_means(prompts[::-1], Angles(), "en", 200) == means
    few = Angles()
    calibration_means(prompts, few, "en", 1)
    assert set(few.seen) in ({"a", "b", "d"}, {"a", "c", "?"}), "one family"


@given(FAMILIES)
def test_one_language_alone_is_compared_with_itself(answers):
    angles = {text: 30 * i for i, texts in enumerate(answers.values()) for text in texts if text}
    scorer = SimilarityScorer(Angles(angles), SimilarityConfig(), "en", None)
    found = rows({"en": answers[next(iter(answers))]})
    told = rewards_of(scorer, found)
    assert all(value is None or -1.001 <= value <= 1.001 for value in told)
    assert sum(value is not None for value in told) <= len(found) - 1 or not found


@pytest.mark.parametrize(
    ("name", "layer"), [("policy", 0.5), ("policy", 0.0), ("translator", 1.0), ("reward", 1.0)]
)
def test_an_embedding_is_the_mean_of_hidden_states(name, layer):
    model = HiddenStates(PolicyConfig(path=lab_path(f"lab:{name}")), layer)
    texts = ["3 plus 4 is 7.", "Seven.", "3 plus 4 is 7. Seven apples are left.", "   ", ""]
    vectors = model.embed(texts)
    assert vectors[4] is None
    assert [np.linalg.norm(v) for v in vectors[:3]] == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] < 0.999
    for text, vector in zip(texts[:3], vectors, strict=False):
        (alone,) = model.embed([text])
        assert alone @ vector == pytest.approx(1, abs=1e-4), "no padding is seen"
    assert model.embed(["many words " * 2000]) == [None], "nothing is truncated"


def test_the_special_tokens_of_a_text_do_not_count():
    import torch

    model = HiddenStates(PolicyConfig(path=lab_path("lab:policy")), 0.5)
    text = "3 plus 4 is 7."
    ids = model._tokenizer(text, add_special_tokens=False)["input_ids"]
    first = model._first
    states = model._model(torch.tensor([[*first, *ids]]), output_hidden_states=True).hidden_states
    mean = states[round((len(states) - 1) / 2)][0, len(first) :].mean(0).detach().numpy()
    assert model.embed([text])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_a_run_is_calibrated_once_by_its_prompts(tmp_path):
    recipe = scored_recipe({"kind": "similarity"}, {"kind": "consistency", "calibrate": False})
    run_recipe(recipe, tmp_path, silent=True)
    folder = tmp_path / "round-0/score"
    found = json.loads((folder / "calibration.json").read_text("utf-8"))
    assert list(found) == ["similarity"]
    prompts = rows_of(tmp_path / "round-0/prompts", Prompt)
    model = HiddenStates(recipe.policy, 0.5)
    assert found["similarity"] == pytest.approx(calibration_means(prompts, model, "en", 200))
    german = [row for row in rows_of(folder, Completion) if row.language == "de" and row.text]
    assert len(german) > 10
    assert any(row.rewards["similarity"] is not None for row in german)
    shift = 1 - found["similarity"]["de"]
    assert shift > 0.001, "a language has a similarity of its own"


def test_the_plan_counts_the_model():
    recipe = scored_recipe(
        {"kind": "similarity"}, {"kind": "consistency", "path": "lab:translator"}
    )
    works = [work for work in plan_of(recipe).works if work.stage == "score"]
    assert [work.model for work in works] == ["policy", "translator", "language_match"]
    assert works[0].tokens_in.typical > 0
    device = Device("cpu", 8e9, is_cpu=True)
    memories = [each for each in stage_memories(recipe, device) if each.stage == "score"]
    assert len(memories) == 2


@pytest.mark.parametrize("kind", ["similarity", "consistency"])
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"languages": ["de", "fr"]}, "'en' is not among `languages`"),
        ({"languages": ["en"]}, "expected two or more, got en"),
        ({"train": {"method": "rloo", "training": {}}}, "method rloo sees a prompt at a time"),
        ({"train": {"method": "dpo", "choose": {}}}, "set calibrate to false"),
    ],
)
def test_what_the_recipe_lacks_is_named_before_anything_runs(kind, changes, problem):
    recipe = scored_recipe({"kind": kind}, **changes)
    with pytest.raises(InputError, match=problem):
        check_scorer(recipe.score.scorers[0], recipe)


def test_the_weights_decide_the_fingerprint():
    own, translator = (
        scorer_settings(SimilarityConfig(path=path)) for path in (None, lab_path("lab:translator"))
    )
    assert own["revision"] is None, "the policy of the round is among the settings of the stage"
    assert translator["revision"]
    assert lab_path("lab:translator") not in json.dumps(translator)
