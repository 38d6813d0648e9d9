"""The pairing rules, and the laws that hold for each."""

import random
from dataclasses import replace
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.records import Completion, Prompt, content_id
from isoglot.data.pair import PAIRERS, PairConfig, check_chosen_language
from isoglot.data.pair import pair_completions as pair

LIDR = PairConfig()
BEST = PairConfig(method="best_vs_worst")
TAGS = ("en", "de", "sw")
EN = {"dominant": "en"}


def answer(prompt, text, sampler="policy", sample=0, **columns):
    ids = (prompt.family, prompt.prompt_id, prompt.answer_language)
    return Completion(*ids, sampler, sample, text, columns.pop("finish_reason", "stop"), **columns)


def world(name="f", sample=0):
    """One family in three languages: prompts, direct answers, and all translations."""
    prompts = {t: Prompt.from_text(f"{name} {t}", language=t, family=name) for t in TAGS}
    direct = {t: answer(prompts[t], f"{name} y^{t} {sample}", sample=sample) for t in TAGS}
    rows = list(direct.values())
    for tag in ("de", "sw"):
        for source, target in (("en", tag), (tag, "en")):
            rows.append(
                answer(
                    prompts[target],
                    f"{name} y^{source}>{target} {sample}",
                    sampler="translator",
                    sample=sample,
                    translated_from=direct[source].completion_id,
                )
            )
    return list(prompts.values()), rows


def told(preferences):
    return {(p.language, p.chosen_text, p.rejected_text, p.pair_type) for p in preferences}


def test_lidr_pairs_are_those_of_the_paper():
    preferences = pair(*world(), LIDR, **EN, round=1)
    assert told(preferences) == {
        ("de", "f y^en>de 0", "f y^de 0", "dominant_translated"),
        ("sw", "f y^en>sw 0", "f y^sw 0", "dominant_translated"),
        ("en", "f y^en 0", "f y^de>en 0", "dominant_kept"),
        ("en", "f y^en 0", "f y^sw>en 0", "dominant_kept"),
    }
    (german,) = [p for p in preferences if p.language == "de"]
    assert (german.chosen_model, german.rejected_model) == ("translator", "policy")
    assert (german.prompt[0]["content"], german.round) == ("f de", 1)


@pytest.mark.parametrize(("keep", "expected"), [("sw", {"f y^sw>en 0"}), ("none", set())])
def test_the_released_code_keeps_the_english_pairs_of_one_language(keep, expected):
    preferences = pair(*world(), PairConfig(dominant_pairs=keep), **EN, round=0)
    assert {p.rejected_text for p in preferences if p.language == "en"} == expected
    assert len(preferences) == 2 + len(expected)


@pytest.mark.parametrize("name", ["f", content_id("f")])
def test_a_prompt_about_translation_takes_the_dominant_answer_as_it_is(name):
    preferences = pair(*world(name), PairConfig(translation_prompts=("f",)), **EN, round=0)
    assert ("de", f"{name} y^en 0", f"{name} y^de 0", "translation_prompt") in told(preferences)
    assert {p.pair_type for p in preferences} == {"translation_prompt", "dominant_kept"}


def test_one_answer_language_for_all_is_about_translation_too():
    prompts = [
        Prompt.from_text(t, language=t, family="f", answer_language="fr") for t in ("en", "de")
    ]
    (preference,) = pair(
        prompts, [answer(p, f"fr {p.language}") for p in prompts], LIDR, **EN, round=0
    )
    assert preference.pair_type == "translation_prompt"
    assert (preference.language, preference.answer_language) == ("de", "fr")
    assert preference.chosen_text == "fr en"


def test_failed_candidates_make_pairs_that_tell_how_they_ended():
    prompts, rows = world()
    rows = [
        replace(r, text="", finish_reason="error") if r.text == "f y^en>de 0" else r for r in rows
    ]
    (german,) = [p for p in pair(prompts, rows, LIDR, **EN, round=0) if p.language == "de"]
    assert (german.chosen_finish_reason, german.rejected_finish_reason) == ("error", "stop")


def test_samples_are_matched_by_their_index():
    prompts, rows = world()
    both = pair(prompts, rows + world(sample=1)[1], LIDR, **EN, round=0)
    assert len(both) == 8
    assert all(p.chosen_text[-1] == p.rejected_text[-1] for p in both)


def test_lidr_without_translations_says_so():
    prompts, rows = world()
    with pytest.raises(ValueError, match="expected translations"):
        pair(prompts, rows[:3], LIDR, **EN, round=0)


def rewarded(*rewards):
    prompt = Prompt.from_text("x", language="en")
    return [prompt], [
        answer(prompt, f"answer {i}", sample=i, rewards={"total": reward})
        for i, reward in enumerate(rewards)
    ]


def test_best_against_worst():
    (preference,) = pair(*rewarded(0.5, None, 0.9, 0.1), BEST, **EN, round=0)
    assert (preference.chosen_text, preference.rejected_text) == ("answer 2", "answer 3")
    assert (preference.score_chosen, preference.score_rejected) == (0.9, 0.1)


@pytest.mark.parametrize("rewards", [(), (0.4,), (0.4, 0.4), (None, None), (None, 1.0)])
def test_nothing_to_tell_apart_makes_no_pair(rewards):
    assert pair(*rewarded(*rewards), BEST, **EN, round=0) == []


def test_the_margin_and_the_ranking_reward_are_options():
    wide = PairConfig(method="best_vs_worst", min_margin=0.5)
    assert len(pair(*rewarded(0.0, 0.5), wide, **EN, round=0)) == 1
    assert pair(*rewarded(0.0, 0.25), wide, **EN, round=0) == []
    assert (
        pair(*rewarded(0.0, 1.0), PairConfig(method="best_vs_worst", reward="other"), **EN, round=0)
        == []
    )


def ranked(method, *rewards, **columns):
    """(chosen, rejected) as the places of their rewards."""
    config = PairConfig(method=method, **columns)
    preferences = pair(*rewarded(*rewards), config, **EN, round=0)
    assert all(p.pair_type == method for p in preferences)
    return [(int(p.chosen_text[7:]), int(p.rejected_text[7:])) for p in preferences]


RANKING = ("best_vs_worst", "best_vs_random", "max_vs_low")


@given(
    st.sampled_from(RANKING),
    st.lists(st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]), max_size=9),
    st.sampled_from([0.0, 0.25, 0.5, 1.5]),
    st.integers(0, 3),
)
def test_chosen_is_the_highest_and_rejected_lower_by_the_margin(method, rewards, margin, seed):
    known = [reward for reward in rewards if reward is not None]
    found = ranked(method, *rewards, min_margin=margin, seed=seed)
    apart = [r for r in known if r < max(known) and max(known) - r >= margin]
    assert len(found) == bool(apart)
    for chosen, rejected in found:
        assert rewards[chosen] == max(known)
        assert rewards[rejected] in apart
        if method == "best_vs_worst":
            assert rewards[rejected] == min(known)


def test_the_random_one_is_drawn_evenly_and_depends_on_the_seed():
    rejected = [
        ranked("best_vs_random", 1.0, 0.5, 0.1, 0.2, seed=seed)[0][1] for seed in range(300)
    ]
    assert set(rejected) == {1, 2, 3}
    assert all(60 < rejected.count(place) < 140 for place in (1, 2, 3))


def test_low_is_two_deviations_below_the_mean():
    rewards = [-4.0, -2.25, -1.5, *[1.0] * 3, *[0.25] * 19]
    mean, deviation = fmean(rewards), pstdev(rewards)
    assert min(rewards) < mean - 2 * deviation
    closest = min(rewards, key=lambda reward: abs(reward - (mean - 2 * deviation)))
    (found,) = ranked("max_vs_low", *rewards)
    assert rewards[found[1]] == closest == -2.25
    assert ranked("best_vs_worst", *rewards)[0][1] == 0


def test_a_pool_of_all_languages_makes_one_pair_with_the_prompt_of_the_chosen():
    prompts = [Prompt.from_text(f"in {tag}", language=tag, family="f") for tag in ("en", "sw")]
    rewards = {"en": (0.2, 0.6), "sw": (0.9, 0.4)}
    rows = [
        Completion.from_text(p, f"{p.language} {r}", sampler="m", sample=i, reward=r)
        for p in prompts
        for i, r in enumerate(rewards[p.language])
    ]
    config = PairConfig(method="best_vs_worst", pool="family")
    (found,) = pair(prompts, rows, config, **EN, round=0)
    assert (found.prompt_id, found.answer_language) == (prompts[1].prompt_id, "sw")
    assert (found.chosen_text, found.rejected_text) == ("sw 0.9", "en 0.2")
    by_prompt = pair(prompts, rows, PairConfig(method="best_vs_worst"), **EN, round=0)
    assert [(p.chosen_text, p.rejected_text) for p in by_prompt] == [
        ("en 0.6", "en 0.2"),
        ("sw 0.9", "sw 0.4"),
    ]
    with pytest.raises(ValueError, match="for the methods that rank"):
        PairConfig(pool="family")


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=5))
def test_of_few_samples_low_is_the_lowest(rewards):
    low, worst = ranked("max_vs_low", *rewards), ranked("best_vs_worst", *rewards)
    assert [rewards[b] for _, b in low] == pytest.approx([rewards[b] for _, b in worst], abs=1e-6)


@given(
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from([None, 0.0, 0.5, 1.0]), min_size=21, max_size=21),
    st.sampled_from(sorted(PAIRERS)),
)
def test_the_order_of_rows_decides_nothing(rng: random.Random, rewards, method):
    worlds = [world(name) for name in "abc"]
    prompts = [prompt for ps, _ in worlds for prompt in ps]
    rows = [row for _, rs in worlds for row in rs]
    rows = [
        replace(row, rewards={"total": reward}) for row, reward in zip(rows, rewards, strict=True)
    ]
    config = PairConfig(method=method)
    expected = pair(prompts, rows, config, **EN, round=0)
    rng.shuffle(rows)
    rng.shuffle(prompts)
    assert pair(prompts, rows, config, **EN, round=0) == expected
    for preference in expected:
        assert preference.chosen_text != preference.rejected_text
        assert preference.family in {"a", "b", "c"}


@given(st.integers(1, 3))
def test_a_shard_at_a_time_is_the_same_as_all_at_once(num):
    worlds = [world(name) for name in "abcd"]

    def pairs(chunk):
        return pair(
            [p for ps, _ in chunk for p in ps],
            [r for _, rs in chunk for r in rs],
            LIDR,
            **EN,
            round=0,
        )

    assert told(pairs(worlds)) == told(pairs(worlds[:num])) | told(pairs(worlds[num:]))


def test_a_language_option_is_checked():
    with pytest.raises(ValueError, match="unknown language"):
        PairConfig(dominant_pairs="last one")
    assert PairConfig(dominant_pairs="zh").dominant_pairs == "zh-Hans"


@pytest.mark.parametrize("method", RANKING)
def test_an_artefact_may_be_rejected_and_is_never_chosen(method):
    prompt = Prompt.from_text("x", language="de")
    good, bad, worst = (
        replace(answer(prompt, text), rewards={"total": reward})
        for text, reward in (("good", 0.5), ("bad", 0.9), ("worst", 0.1))
    )
    bad, worst = (replace(row, artefact="lost_number") for row in (bad, worst))
    (found,) = pair([prompt], [good, bad, worst], PairConfig(method=method), **EN, round=0)
    assert (found.chosen_text, found.rejected_text) == ("good", "worst")
    assert pair([prompt], [bad, worst], PairConfig(method=method), **EN, round=0) == []


MATCHES = st.sampled_from([1.0, 0.0, None])


def across(rows, **columns):
    """Preferences of answers with (reward, language_match)."""
    prompt = Prompt.from_text("x", language="de", answer_language="sw")
    completions = [
        answer(prompt, f"answer {i}", sample=i, rewards={"total": reward, "language_match": match})
        for i, (reward, match) in enumerate(rows)
    ]
    return pair([prompt], completions, PairConfig(**columns), **EN, round=0)


@given(
    st.sampled_from(RANKING),
    st.lists(st.tuples(st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]), MATCHES), max_size=7),
    st.sampled_from([0.0, 0.25, 0.5]),
    st.sampled_from(["not_wrong", "right"]),
)
def test_a_wrong_language_is_never_chosen_and_an_unsure_one_never_rejected_for_it(
    method, rows, margin, language
):
    found = across(rows, method=method, min_margin=margin, chosen_language=language)
    for row in found:
        assert (row.language, row.answer_language) == ("de", "sw")
        chosen, rejected = (rows[int(t[7:])] for t in (row.chosen_text, row.rejected_text))
        may = [r for r, match in rows if r is not None and match in ALLOWED[language]]
        assert chosen[1] in ALLOWED[language]
        assert chosen[0] == max(may)
        assert (row.pair_type == "wrong_language") == (rejected[1] == 0.0)
        if rejected[1] != 0.0:  # for its quality alone: lower, by the margin
            assert row.pair_type == method
            assert rejected[0] < chosen[0]
            assert rejected[0] <= chosen[0] - margin
        elif method == "best_vs_worst":
            others = [r for r, match in rows if r is not None and match != 0.0]
            assert rejected[0] is not None
            assert others  # and none of them was rejected in its place
    known = [match for reward, match in rows if reward is not None]
    if any(match in ALLOWED[language] for match in known) and 0.0 in known:
        assert found


ALLOWED = {"not_wrong": (1.0, None), "right": (1.0,)}


def test_a_wrong_language_ranks_below_whatever_is_not():
    rows = [(0.9, 0.0), (0.5, 1.0), (0.1, 1.0)]
    for method in ("best_vs_worst", "max_vs_low"):
        (found,) = across(rows, method=method, chosen_language="right")
        assert (found.chosen_text, found.rejected_text) == ("answer 1", "answer 0")
        assert (found.score_chosen, found.score_rejected) == (0.5, 0.9)
    (found,) = across(rows, method="best_vs_worst")
    assert (found.chosen_text, found.pair_type) == ("answer 0", "best_vs_worst")


def test_the_strict_form_asks_for_a_language_that_is_sure():
    rows = [(0.9, None), (0.5, 1.0), (0.1, None)]
    (found,) = across(rows, method="best_vs_worst", chosen_language="right")
    assert (found.chosen_text, found.rejected_text) == ("answer 1", "answer 2")
    (found,) = across(rows, method="best_vs_worst", chosen_language="not_wrong")
    assert (found.chosen_text, found.rejected_text) == ("answer 0", "answer 2")
    assert across([(0.5, None), (0.1, 0.0)], method="best_vs_worst", chosen_language="right") == []


def test_the_language_must_have_been_looked_at():
    with pytest.raises(ValueError, match="add language_match to score"):
        pair(
            *rewarded(0.5, 0.1),
            PairConfig(method="best_vs_worst", chosen_language="right"),
            **EN,
            round=0,
        )
    config = PairConfig(method="best_vs_worst", chosen_language="right")
    for scorers, gates, why in (
        (["gold"], [], "needs the scorer language_match"),
        (["language_match"], ["wrong_language"], "leave one of them out"),
    ):
        with pytest.raises(ValueError, match=why):
            check_chosen_language(config, scorers, gates)
    with pytest.raises(ValueError, match="methods that rank"):
        check_chosen_language(PairConfig(chosen_language="right"), ["language_match"], [])
