"""Which examples are taken, and in which order: laws for any number of languages of any size."""

import math
import random
from collections import Counter

import pytest
from by_hand import LANGUAGES, log_lines
from hypothesis import given
from hypothesis import strategies as st

from isoglot.train.dpo import train_dpo
from isoglot.train.mixing import draw_evenly
from isoglot.train.order import LanguageBalanced, Repeated
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft

sizes = st.lists(st.integers(1, 12), min_size=1, max_size=6)
seeds = st.integers(0, 99)


def languages_of(sizes):
    return [f"l{i}" for i, size in enumerate(sizes) for _ in range(size)]


@given(sizes, seeds, st.integers(0, 2))
def test_each_language_has_its_share_of_every_beginning(sizes, seed, epoch):
    languages = languages_of(sizes)
    order = LanguageBalanced(languages, seed)
    order.set_epoch(epoch)
    places = list(order)
    assert sorted(places) == list(range(len(languages))), "each example once"
    seen = Counter()
    for n, place in enumerate(places, 1):
        seen[languages[place]] += 1
        for i, size in enumerate(sizes):
            share = n * size / len(languages)
            assert math.floor(share) <= seen[f"l{i}"] <= math.ceil(share)


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 20), seeds)
def test_equal_languages_differ_by_at_most_one_in_every_batch(size, num, batch_size, seed):
    languages = languages_of([size] * num)
    places = list(LanguageBalanced(languages, seed))
    whole = len(places) - len(places) % batch_size
    for start in range(0, whole, batch_size):
        seen = Counter(languages[place] for place in places[start : start + batch_size])
        counts = [seen[f"l{i}"] for i in range(num)]
        assert max(counts) - min(counts) <= 1


def test_the_order_is_that_of_seed_and_epoch():
    languages = languages_of([20, 20])
    order = LanguageBalanced(languages, 1)
    first = list(order)
    assert first == list(order) == list(LanguageBalanced(languages, 1))
    assert first != list(LanguageBalanced(languages, 2))
    order.set_epoch(1)
    assert list(order) != first


@given(sizes, st.integers(1, 8), st.integers(2, 4), st.integers(1, 3))
def test_repeated_keeps_groups_and_batches_together(sizes, batch_size, num_generations, num_uses):
    languages = languages_of(sizes)
    order = LanguageBalanced(languages, 1)
    places = list(Repeated(order, batch_size, num_generations, num_uses))
    assert len(places) == len(Repeated(order, batch_size, num_generations, num_uses))
    groups = [places[i : i + num_generations] for i in range(0, len(places), num_generations)]
    assert all(len(set(group)) == 1 for group in groups)
    heads = [group[0] for group in groups]
    whole = len(languages) - len(languages) % batch_size
    batches = [list(order)[i : i + batch_size] for i in range(0, whole, batch_size)]
    assert heads == [place for batch in batches for _ in range(num_uses) for place in batch]


@given(sizes, seeds, st.data())
def test_the_choice_is_as_even_as_there_are_rows(sizes, seed, data):
    rows = [{"language": tag, "text": str(i)} for i, tag in enumerate(languages_of(sizes))]
    num = data.draw(st.integers(1, len(rows)))
    chosen = [rows[place] for place in draw_evenly(rows, num, seed)]
    assert len({row["text"] for row in chosen}) == num
    counts = Counter(row["language"] for row in chosen)
    most = max(counts.values())
    for i, size in enumerate(sizes):
        assert counts[f"l{i}"] >= min(size, most - 1)
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert [shuffled[place] for place in draw_evenly(shuffled, num, seed)] == chosen


def test_too_few_rows_are_one_line():
    with pytest.raises(ValueError, match=r"expected 3 pairs \(train.num_preferences\), got 2; set"):
        draw_evenly([{"language": "en"}, {"language": "sw"}], 3, 1)


@pytest.mark.parametrize("train", [train_dpo, train_sft])
def test_preferences_are_balanced_and_few_where_the_recipe_says_so(
    preferences, tiny_model, tmp_path, train
):
    training = {"per_device_train_batch_size": 6, "num_train_epochs": 1, "logging_steps": 1,
                "use_cpu": True, "bf16": False}  # fmt: skip
    method = "dpo" if train is train_dpo else "sft"
    config = TrainConfig(
        method=method, balance_languages=True, num_preferences=18, training=training
    )
    summary = train(preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=1)
    assert (summary["num_preferences"], summary["num_steps"]) == (18, 3)
    for line in log_lines(tmp_path / "out"):
        assert {tag: row["n"] for tag, row in line["languages"].items()} == dict.fromkeys(
            LANGUAGES, 2
        )
    config = TrainConfig(method=method, num_preferences=25, training=training)
    with pytest.raises(ValueError, match="expected 25 pairs"):
        train(preferences, Policy(str(tiny_model)), tmp_path / "more", config, seed=1)
