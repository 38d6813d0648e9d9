"""Off-target rates of samplers."""

import random
from collections import Counter

import pytest

from isoglot.core.records import Completion
from isoglot.core.stats import interval_mean, rate_of_kinds
from isoglot.data.audit import OffTargetCounter


class Prefix:
    name = "prefix"

    def identify(self, texts):
        return [text.split(":")[0] if ":" in text else None for text in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


def answer(family, text, sampler="m", reason="stop", **columns):
    return Completion(family, "p" + family, "de", sampler, 0, text, reason, **columns)


def off_target_rates(rows, *more):
    counter = OffTargetCounter(Prefix())
    for each in (rows, *more):
        counter.add(each)
    return counter.rates()


ROWS = [
    answer("1", "de: ja"),
    answer("2", "en: yes"),
    answer("3", "de: ja", reason="length"),
    answer("4", "de: ja"),
    answer("5", "hm"),
    answer("6", "de:", reason="error"),
    answer("7", "en: yes", translated_from="x", translator="t"),
    answer("8", "de: ja, sure ~"),
    answer("9", "~"),
    answer("1", "???", sampler="b"),
]


def test_unknown_is_counted_and_kept_out_of_the_rate():
    unsure, rate, translated = off_target_rates(ROWS)
    assert (rate.sampler, rate.language, rate.value, rate.n, rate.unknown) == (
        "m",
        "de",
        0.2,
        5,
        3,
    )
    assert rate.mixed == 2 / 6, "of four that are right or wrong, and two mixed ones"
    assert rate.low <= rate.value <= rate.high
    assert (translated.sampler, translated.value) == ("m via t", 1.0)
    assert (unsure.sampler, unsure.value, unsure.n, unsure.unknown) == ("b", None, 0, 1)
    assert (translated.mixed, unsure.mixed) == (0.0, None)


def test_thoughts_are_counted_apart_and_unsure_ones_left_out():
    thoughts = ["en: hm", "de: hm", "hm", None]
    rows = [answer(str(i), "de: ja", thought=text) for i, text in enumerate(thoughts)]
    (rate,) = off_target_rates(rows)
    assert (rate.value, rate.thought_off_target_rate, rate.num_thoughts) == (0.0, 0.5, 2)
    (without,) = off_target_rates(rows[3:])
    assert (without.thought_off_target_rate, without.num_thoughts) == (None, 0)


def test_the_order_of_rows_decides_nothing():
    shuffled = random.Random(1).sample(ROWS, len(ROWS))
    assert off_target_rates(shuffled) == off_target_rates(ROWS)


def test_families_may_come_in_parts():
    first = [row for row in ROWS if row.family in "123"]
    others = [row for row in ROWS if row.family not in "123"]
    assert off_target_rates(others, first) == off_target_rates(ROWS)


def test_the_interval_is_that_of_a_bootstrap_over_families():
    """Of 300 families with one to three answers each; both bounds within the noise of the draws."""
    draw = random.Random(3)
    rows = [(family, [draw.random() < 0.3 for _ in range(1 + family % 3)]) for family in range(300)]
    values = [float(flag) for _, flags in rows for flag in flags]
    families = [family for family, flags in rows for _ in flags]
    expected = interval_mean(values, families, seed=1, resamples=4000, is_rate=True)
    kinds = Counter((float(sum(flags)), float(len(flags))) for _, flags in rows)
    found = rate_of_kinds(kinds, seed=2, resamples=4000)
    assert found.value == sum(values) / len(values)
    assert found[1:] == pytest.approx(expected, abs=0.004)


def test_families_that_are_all_alike_have_a_bound():
    found = rate_of_kinds({(0.0, 1.0): 40}, seed=1)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == interval_mean([0.0] * 40, range(40), seed=1, is_rate=True)[1] > 0
