"""Generation routes: examined, chosen, followed."""

import random

import pytest
from fakes import FakeIdentifier
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from isoglot.core.records import Completion, Prompt
from isoglot.data.route import (
    Examined,
    RouteConfig,
    check_route,
    choose_routes,
    development_families,
    examine_completions,
    languages_without,
    route,
    route_of,
)

OPEN = RouteConfig(max_off_target_rate=1, max_artefact_rate=1, max_failed_rate=1)
IDENTIFIER = FakeIdentifier(lambda text: text[:2] if text[:2] in ("es", "sw", "en") else None)


def prompt(family="f", tag="es", **columns):
    return Prompt.from_text(f"{tag} {family}?", language=tag, family=family, **columns)


def answered(asked, text, sampler="m", *, sample=0, reason="stop", translator=None, **columns):
    origin = "x" if translator else None
    return Completion(
        asked.family, asked.prompt_id, asked.answer_language, sampler, sample, text, reason,
        translated_from=origin, translator=translator, **columns,
    )  # fmt: skip


def measured(name, *, n=1, tag="es", **columns):
    known = {"reason": None, "has_text": True, "is_off_target": False, "has_artefact": None,
             "chrf": None, "reward": None}  # fmt: skip
    return [Examined(tag, name, **{**known, **columns})] * n


def chosen(table):
    return {each.language: each.route for each in table if each.is_chosen}


def test_what_an_answer_is_measured_at():
    asked = prompt(completion="es uno dos tres", gold="7")
    rows = [
        answered(asked, "es uno dos tres", rewards={"judge": 2.0}),
        answered(asked, "en one", "weak"),
        answered(asked, "?? uno", "weak", sample=1, rewards={"judge": float("nan")}),
        answered(asked, "es un", "long", reason="length"),
        answered(asked, "", "none", reason="error"),
        answered(asked, " ", "empty"),
        answered(asked, "es dos", "weak", translator="t", artefact="lost_number"),
        answered(asked, "", "weak", sample=1, translator="t", reason="error"),
    ]
    found = examine_completions(
        [asked], rows, IDENTIFIER, RouteConfig(reward="judge"), frozenset(["f"])
    )
    assert [row.reason for row in found] == [
        None, "wrong_language", None, "cut_off", "no_answer", "empty", "lost_number",
        "translation_failed",
    ]  # fmt: skip
    assert [row.is_off_target for row in found] == [
        False, True, None, None, None, None, False, None,
    ]  # fmt: skip
    assert [row.has_artefact for row in found] == [None] * 6 + [True, None]
    assert [row.reward for row in found] == [2.0] + [None] * 7, "not finite is unknown"
    assert found[0].chrf == pytest.approx(1.0)
    assert 0 < found[2].chrf < 1
    assert [row.chrf for row in found[3:6]] == [None] * 3, "without text there is nothing to hold"
    assert found[-1].route == "weak via t"
    assert examine_completions([asked], rows, IDENTIFIER, OPEN, frozenset()) == []
    unseen = examine_completions(
        [asked], rows, IDENTIFIER, OPEN, frozenset(["f"]), is_checked=False
    )
    assert {row.has_artefact for row in unseen} == {None}, "nobody looked"


def test_the_reference_is_in_the_language_of_the_answer():
    def known(asked):
        (row,) = examine_completions(
            [asked], [answered(asked, "es uno dos")], IDENTIFIER, OPEN, frozenset(["f"])
        )
        return row.chrf

    assert known(prompt(gold="es uno dos")) == pytest.approx(1.0)
    assert known(prompt(gold="es uno dos", translated_from="e")) is None, "gold of the English one"
    assert known(prompt()) is None


def test_self_translation_is_a_route_of_its_own():
    asked = prompt()
    assert route_of(answered(asked, "es", "m")) == "m"
    assert route_of(answered(asked, "es", "m", translator="m")) == "m via m"


def test_each_measure_of_a_route():
    rows = [
        *measured("a", n=6, chrf=0.5, has_artefact=False),
        *measured("a", n=2, chrf=0.1, has_artefact=True, reason="lost_number"),
        *measured("a", reason="wrong_language", is_off_target=True, has_artefact=False),
        *measured("a", reason="cut_off", has_text=False, is_off_target=None),
    ]
    (row,) = choose_routes(rows, ["es"], OPEN)
    assert (row.num_answers, row.num_references, row.num_identified) == (10, 8, 9)
    assert row.usable == pytest.approx(0.6)
    assert row.chrf == pytest.approx((6 * 0.5 + 2 * 0.1) / 8)
    assert row.off_target_rate == pytest.approx(1 / 9)
    assert row.artefact_rate == pytest.approx(2 / 9)
    assert row.failed_rate == pytest.approx(0.1)
    assert row.quality == pytest.approx((row.usable + row.chrf) / 2)
    assert (row.reward, row.is_chosen, row.why) == (None, True, "best")


def test_what_is_unknown_of_one_route_decides_between_none():
    rows = [
        *measured("known", n=9, chrf=0.9),
        *measured("known", reason="empty", has_text=False, is_off_target=None),
        *measured("unknown", n=10),
    ]
    table = choose_routes(rows, ["es"], OPEN)
    assert chosen(table) == {"es": "unknown"}, "by the share of usable answers alone"
    assert {each.route: each.quality for each in table} == {"known": 0.9, "unknown": 1.0}
    lost = [*rows[:10], *measured("unknown", n=9), *measured("unknown", reason="empty")]
    assert chosen(choose_routes(lost, ["es"], OPEN)) == {"es": "known"}, "a tie goes by name"
    # A route that misses a threshold does not take a measure from the others.
    broken = measured("broken", n=10, has_text=False, reason="no_answer", is_off_target=None)
    table = choose_routes([*measured("a", chrf=0.2), *measured("b", chrf=0.4), *broken], ["es"],
                   RouteConfig())  # fmt: skip
    assert chosen(table) == {"es": "b"}
    unknown = [*measured("a", is_off_target=None), *measured("a", is_off_target=None)]
    (row,) = choose_routes(unknown, ["es"], RouteConfig(max_off_target_rate=0))
    assert (row.off_target_rate, row.is_chosen) == (None, True), "unknown misses no threshold"


def test_thresholds_and_languages_without_a_route():
    rows = [
        *measured("fast", n=8, chrf=0.9),
        *measured("fast", n=2, is_off_target=True, reason="wrong_language"),
        *measured("slow", n=10, chrf=0.3),
        *measured("fast", n=2, tag="sw", is_off_target=True, reason="wrong_language"),
        *measured("fast via t", n=2, tag="sw", has_artefact=True, reason="repetition"),
        *measured("few", tag="fi"),
    ]
    strict = RouteConfig(min_answers=2)
    table = choose_routes(rows, ["es", "sw", "fi", "de"], strict)
    assert chosen(table) == {"es": "slow"}
    assert languages_without(table, ["es", "sw", "fi", "de"]) == {
        "sw": "fast: off-target 1 > 0.1; fast via t: artefacts 1 > 0.2",
        "fi": "few: answers 1 < 2",
        "de": "no answers",
    }
    best = choose_routes(rows, ["es", "sw", "fi"], RouteConfig(min_answers=2, without="best"))
    assert chosen(best) == {"es": "slow", "sw": "fast", "fi": "few"}
    assert languages_without(best, ["es", "sw"]) == languages_without(table, ["es", "sw"])
    with pytest.raises(ValueError, match=r"none \(sw: fast, off-target 1 > 0.1; .*relax the thre"):
        choose_routes(rows, ["sw"], strict)
    with pytest.raises(ValueError, match="the development families have no answers"):
        choose_routes([], ["sw"], strict)
    (low,) = choose_routes(measured("a"), ["es"], RouteConfig(min_quality=1.5, without="best"))
    assert low.why == "quality 1 < 1.5"


def test_at_a_tie_a_direct_route_comes_before_a_translated_one():
    rows = [*measured("b"), *measured("a via t", has_artefact=False), *measured("c")]
    assert chosen(choose_routes(rows, ["es"], OPEN)) == {"es": "b"}


RATES = st.builds(
    lambda reason, off, artefact, chrf, reward: {
        "reason": reason, "has_text": reason != "empty", "is_off_target": off,
        "has_artefact": artefact, "chrf": chrf, "reward": reward,
    },
    st.sampled_from([None, "empty", "repetition"]), st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]), st.none() | st.floats(0, 1), st.none() | st.floats(-3, 3),
)  # fmt: skip
ROWS = st.lists(
    st.builds(
        lambda tag, name, columns: Examined(tag, name, **columns),
        st.sampled_from(["es", "sw"]), st.sampled_from(["a", "b", "a via t"]), RATES,
    ),
    min_size=1,
)  # fmt: skip


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, order):
    config = OPEN.model_copy(update={"without": "best"})
    table = choose_routes(rows, ["es", "sw"], config)
    shuffled = rows[:]
    order.shuffle(shuffled)
    assert choose_routes(shuffled, ["es", "sw"], config) == table
    assert len(chosen(table)) == len({row.language for row in rows})


@given(st.lists(st.tuples(st.floats(0, 0.9), st.floats(-3, 3)), min_size=1))
def test_a_route_above_another_in_every_measure_is_chosen(answers):
    def answer(name, chrf, reward, reason):
        return Examined("es", name, reason, True, False, None, chrf, reward)

    # `a` would win a tie by its name
    low = [answer("a", chrf, reward, "repetition") for chrf, reward in answers]
    high = [answer("b", chrf + 0.1, reward + 0.1, None) for chrf, reward in answers]
    assert chosen(choose_routes(low + high, ["es"], OPEN)) == {"es": "b"}


def family_rows(names):
    prompts = [prompt(name, tag) for name in names for tag in ("en", "es", "sw")]
    rows = [
        answered(each, text, sampler, sample=sample)
        for each in prompts
        for sampler in ("m", "n")
        for sample, text in enumerate((f"{each.language} ", f"{each.language} {sampler}", "en x"))
    ]
    return prompts, rows


def test_of_the_chosen_route_the_first_fit_sample_or_the_one_of_the_highest_reward():
    asked = prompt(source="set")
    other = prompt(tag="sw")
    rows = [
        answered(asked, "es zero", "other"),
        answered(asked, "en one", sample=0, rewards={"judge": 9.0}),
        answered(asked, "es two", sample=1, rewards={"judge": 1.0}),
        answered(asked, "es three ", sample=2, rewards={"judge": 3.0}),
        answered(asked, "es four", sample=3, rewards={"judge": None}),
    ]
    kept, dropped = route([asked, other], rows[::-1], IDENTIFIER, RouteConfig(), {"es": "m"})
    assert [row.text for row in kept] == ["es two"]
    assert (kept[0].model, kept[0].source, kept[0].answer_language) == ("m", "set", "es")
    assert [turn["role"] for turn in kept[0].messages] == ["user", "assistant"]
    assert [(row.language, row.reason) for row in dropped] == [("sw", "no_route")]
    kept, _ = route([asked], rows, IDENTIFIER, RouteConfig(reward="judge"), {"es": "m"})
    assert [row.text for row in kept] == ["es three"]
    kept, dropped = route([asked], rows[1:2], IDENTIFIER, RouteConfig(), {"es": "m"})
    assert [(row.reason, row.chosen_text) for row in dropped] == [("wrong_language", "en one")]
    _, dropped = route([asked], [], IDENTIFIER, RouteConfig(), {"es": "m"})
    assert [row.reason for row in dropped] == ["no_answer"]
    via = answered(asked, "es cinco", translator="t")
    kept, _ = route([asked], [*rows, via], IDENTIFIER, RouteConfig(), {"es": "m via t"})
    assert [(row.text, row.model) for row in kept] == [("es cinco", "m via t")]


@given(st.sets(st.sampled_from("abcdefgh"), min_size=1), st.integers(0, 3))
def test_kept_and_dropped_are_the_prompts_and_a_family_is_routed_as_it_is_alone(names, seed):
    prompts, rows = family_rows(sorted(names))
    random.Random(seed).shuffle(rows)
    route_in = {"en": "m", "es": "n"}
    kept, dropped = route(prompts, rows, IDENTIFIER, RouteConfig(), route_in)
    keys = [(row.family, row.prompt_id) for row in [*kept, *dropped]]
    assert sorted(keys) == sorted((p.family, p.prompt_id) for p in prompts)
    for name in names:
        alone = [[each for each in many if each.family == name] for many in (prompts, rows)]
        assert route(*alone, IDENTIFIER, RouteConfig(), route_in) == (
            [row for row in kept if row.family == name],
            [row for row in dropped if row.family == name],
        )


@given(st.lists(st.text("ab", min_size=1)), st.integers(0, 5))
def test_the_development_families_are_the_same_in_every_order(families, num):
    found = development_families(families, num)
    assert found == development_families(reversed(families), num)
    assert len(found) == min(num, len(set(families)))
    assert found <= development_families([*families, "c"], num + 1)


def test_bad_settings_are_one_line():
    check_route(RouteConfig(reward="total"), "sft", ["judge"])
    check_route(RouteConfig(), None, [])
    with pytest.raises(ValueError, match=r"expected train.method sft, came 'dpo'; set it"):
        check_route(RouteConfig(), "dpo", [])
    with pytest.raises(ValueError, match=r"route.reward: .* \(there is none\), came 'total'"):
        check_route(RouteConfig(reward="total"), None, [])
    with pytest.raises(ValidationError, match="expected a weight above 0"):
        RouteConfig(weights={"usable": 0, "chrf": 0, "reward": 0})
