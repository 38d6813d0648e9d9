"""How much of each language is trained on: laws for any number of languages of any size."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.train.mixing import MixingConfig, language_shares, mix
from isoglot.train.settings import TrainConfig

sizes = st.dictionaries(
    st.sampled_from(["en", "de", "sw", "zh-Hans", "yo", "am"]), st.integers(1, 500), min_size=1
)
examples = st.one_of(st.none(), st.integers(1, 2000))
taus = st.floats(0.2, 50)


def temperature(tau, num=None):
    return MixingConfig(method="temperature", tau=tau, num_examples=num)


def plain(method, num=None):
    return MixingConfig(method=method, num_examples=num)


@given(sizes, examples, taus)
def test_shares_add_up_and_are_the_formula_to_within_one(sizes, num, tau):
    for config, exponent in (
        (plain("proportional", num), 1),
        (plain("uniform", num), 0),
        (temperature(tau, num), 1 / tau),
    ):
        found, total = language_shares(sizes, config), num or sum(sizes.values())
        assert sum(found.values()) == total
        norm = sum(size**exponent for size in sizes.values())
        for tag, size in sizes.items():
            assert abs(found[tag] - total * size**exponent / norm) < 1 + 1e-6


@given(sizes, examples)
def test_temperature_goes_from_proportional_to_uniform(sizes, num):
    assert language_shares(sizes, temperature(1, num)) == language_shares(
        sizes, plain("proportional", num)
    )
    hot, even = (
        language_shares(sizes, temperature(1e12, num)),
        language_shares(sizes, plain("uniform", num)),
    )
    assert all(abs(hot[tag] - even[tag]) <= 1 for tag in sizes)
    assert max(even.values()) - min(even.values()) <= 1


@given(sizes, taus, taus)
def test_a_higher_tau_takes_from_the_largest_language(sizes, low, high):
    low, high = sorted((low, high))
    largest = max(sizes, key=sizes.__getitem__)
    colder, hotter = (language_shares(sizes, temperature(tau)) for tau in (low, high))
    assert hotter[largest] <= colder[largest] + 1


@given(sizes, st.integers(1, 5), st.data())
def test_unimax_keeps_to_its_epochs_and_is_else_even(sizes, max_epochs, data):
    most = max_epochs * sum(sizes.values())
    num = data.draw(st.one_of(st.none(), st.integers(1, most)))
    config = MixingConfig(method="unimax", max_epochs=max_epochs, num_examples=num)
    found = language_shares(sizes, config)
    assert sum(found.values()) == (num or sum(sizes.values()))
    level = max(found.values())
    for tag, size in sizes.items():
        assert found[tag] <= max_epochs * size
        assert found[tag] >= min(max_epochs * size, level - 1), "who has more gets no more"


def test_unimax_by_hand():
    """Budget 12 over 1, 2 and 9 rows: 2 (two epochs of 1), then 4 of 10 left, then 6."""
    config = MixingConfig(method="unimax", max_epochs=2)
    assert language_shares({"yo": 1, "sw": 2, "en": 9}, config) == {"yo": 2, "sw": 4, "en": 6}


def test_temperature_by_hand():
    """Roots of 1, 4 and 25 are 1, 2 and 5."""
    assert language_shares({"yo": 1, "sw": 4, "en": 25}, temperature(2, 80)) == {
        "yo": 10,
        "sw": 20,
        "en": 50,
    }


@given(sizes, st.integers(0, 9), st.sampled_from(["uniform", "unimax", "temperature"]))
def test_what_is_drawn_is_a_function_of_seed_and_content(sizes, seed, method):
    keys = {"unimax": {"max_epochs": 3}, "temperature": {"tau": 2.0}}.get(method, {})
    config = MixingConfig(method=method, **keys)
    tags = [tag for tag, size in sizes.items() for _ in range(min(size, 9))]
    rows = [{"language": tag, "text": str(i)} for i, tag in enumerate(tags)]
    drawn = [rows[place]["text"] for place in mix(rows, config, seed)]
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert [shuffled[place]["text"] for place in mix(shuffled, config, seed)] == drawn
    assert len(drawn) == len(rows)
    times = Counter(drawn)
    for tag in sizes:
        each = [times[row["text"]] for row in rows if row["language"] == tag]
        assert max(each) - min(each) <= 1, "no row twice before every other once"


def test_another_seed_draws_others():
    rows = [{"language": "en", "text": str(i)} for i in range(50)]
    config = plain("uniform", 10)
    assert mix(rows, config, 1) == mix(rows, config, 1) != mix(rows, config, 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"method": "temperature"}, "'tau' with method temperature and no other, got none"),
        ({"method": "uniform", "tau": 3}, "'tau' with method temperature and no other, got one"),
        ({"method": "unimax"}, "'max_epochs' with method unimax and no other, got none"),
        ({"method": "temperature", "tau": 0}, "greater than 0"),
        ({"metod": "uniform"}, "did you mean 'method'"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_line(keys, message):
    with pytest.raises(ValueError, match=message):
        MixingConfig(**keys)


def test_too_few_rows_for_unimax_are_one_line():
    config = MixingConfig(method="unimax", max_epochs=2, num_examples=100)
    with pytest.raises(ValueError, match="expected at most 20 examples of 10 rows"):
        language_shares({"en": 10}, config)


def test_two_choices_of_rows_are_refused():
    with pytest.raises(ValueError, match="num_preferences and mixing both choose"):
        TrainConfig(num_preferences=3, mixing={"method": "uniform"})
