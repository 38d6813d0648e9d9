"""Planted faults: in the stated shares, the same whatever the answers, and kept by translations."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Prompt
from isoglot.core.section import validated
from isoglot.data.faults import FaultsConfig, plant_faults, with_wrong_number
from isoglot.data.pair import PairConfig, pair_completions

TAGS = ("en", "de", "sw")
PROMPTS = [
    Prompt.from_text(f"{tag} {family}?", language=tag, family=str(family))
    for family in range(200)
    for tag in TAGS
]
ANSWERS = [
    Completion.from_text(prompt, f"It is {prompt.family}.", sampler="m", sample=sample)
    for prompt in PROMPTS
    for sample in range(2)
]


def translation(source, to):
    """The translation of an answer into another language of its family."""
    prompt = next(p for p in PROMPTS if (p.family, p.language) == (source.family, to))
    made = Completion.from_text(prompt, f"{to}: {source.text}", sampler="m", sample=source.sample)
    return replace(made, translated_from=source.completion_id, translator="m")


FORTH = [translation(row, to) for row in ANSWERS if row.language == "en" for to in ("de", "sw")]
BACK = [translation(row, "en") for row in ANSWERS if row.language != "en"]
ROWS = [*ANSWERS, *FORTH, *BACK]


def plant(rows=ROWS, seed=0, **shares):
    config = FaultsConfig(**shares)
    return plant_faults(PROMPTS, rows, config=config, dominant="en", seed=seed)


def wrong(rows):
    return [row for row in rows if f"It is {row.family}." not in row.text]


def test_without_shares_nothing_changes():
    assert plant() == ROWS


def test_a_misread_family_has_one_wrong_number_in_all_samples_and_translations():
    found = plant(dominant=0.25)
    families = {row.family for row in wrong(found)}
    assert 0.18 < len(families) / 200 < 0.32
    for row in found:
        from_english = row.language == "en" and row.translated_from is None
        from_english |= row.translated_from is not None and row.language != "en"
        assert (row in wrong(found)) == (from_english and row.family in families)
    for family in families:
        assert len({row.text[-5:] for row in wrong(found) if row.family == family}) == 1


def test_translations_are_wrong_one_by_one():
    found = wrong(plant(translations=0.25))
    assert all(row.translated_from for row in found)
    assert 0.2 < len(found) / len([*FORTH, *BACK]) < 0.3
    assert {row.language for row in found} == set(TAGS)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["dominant", "translations"]), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_plants_the_faults_of_a_smaller_one(key, one, other):
    def texts(share):
        return {
            (row.prompt_id, row.translated_from is None, row.sample, row.text)
            for row in wrong(plant(ROWS[:90] + FORTH[:60], **{key: share}))
        }

    assert texts(min(one, other)) <= texts(max(one, other))


def test_pairs_by_imbalance_find_the_planted_answers():
    rows = [row for row in ROWS if row.sample == 0]
    config = PairConfig(method="translated_vs_direct", dominant_pairs="all")
    clean = pair_completions(PROMPTS, rows, config, dominant="en", round=0)
    planted = plant(rows, dominant=1.0)
    found = pair_completions(PROMPTS, planted, config, dominant="en", round=0)
    assert len(found) == len(clean) > 0
    assert all(f"It is {row.family}." not in row.chosen_text for row in found)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("3 + 4 = 7. Es sind 7.", "3 + 4 = 9. Es sind 9."),
        ("70 - 7 = 63, das ist 7", "70 - 9 = 63, das ist 9"),
        ("一共有17个苹果。", "一共有19个苹果。"),
        ("Hakuna.", "Hakuna."),
        ("", ""),
    ],
)
def test_the_last_number_is_replaced_wherever_it_stands(text, other):
    assert with_wrong_number(text, 2) == other


@pytest.mark.parametrize("share", [-0.1, 1.5, "half"])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(InputError, match="dominant"):
        validated(FaultsConfig, {"dominant": share}, "faults")
