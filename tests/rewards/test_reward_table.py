"""The robustness table: by hand, as laws, and on preferences of humans and of GPT-4."""

import gzip
import random
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import is_whole, published, published_rows

from isoglot.core.records import Preference, Prompt
from isoglot.evals.graders import grade_last_number
from isoglot.models.load import load_identifier
from isoglot.models.scorers.load import load_scorers
from isoglot.models.scorers.rules import GoldScorer
from isoglot.rewards.preference_sets import PREFERENCE_SETS, read_preference_set
from isoglot.rewards.table import Agreement, agreement_of, reward_table, rewarded


class Length:
    """A scorer that knows one thing: longer is better."""

    name = "length"

    def __init__(self):
        self.num_scored = 0

    def score(self, prompts, completions):
        assert all(p.prompt_id == c.prompt_id for p, c in zip(prompts, completions, strict=True))
        self.num_scored += len(completions)
        return [float(len(c.text)) if c.text else None for c in completions]


def preference(chosen, rejected, tag="en", family="f"):
    prompt = Prompt.from_text(f"{family}?", language=tag, family=family)
    made = Preference.of_texts(
        prompt.prompt,
        chosen,
        rejected,
        family=prompt.family,
        prompt_id=prompt.prompt_id,
        language=tag,
        answer_language=tag,
        pair_type="test",
    )
    return replace(made, chosen_model="a", rejected_model="b")


def agreements(preferences, scorer, prompts=()):
    return [agreement_of(row) for row in rewarded(preferences, scorer, prompts)]


def test_agreement_knows_right_wrong_equal_and_unknown():
    scorer = Length()
    pairs = [
        preference("long", "sho"), preference("sho", "long"), preference("long", "gnol"),
        preference("", "long"), preference("long", ""),
    ]  # fmt: skip
    assert [row.value for row in agreements(pairs, scorer)] == [1.0, 0.0, 0.5, None, None]
    assert scorer.num_scored == 4, "each text once"
    assert agreements([], scorer) == []


def test_gold_comes_with_the_prompts():
    prompt = Prompt.from_text("3 + 4", language="de", gold="7")
    pair = replace(preference("7", "8"), family=prompt.family, prompt_id=prompt.prompt_id)
    scorer = GoldScorer(grade_last_number)
    assert [row.value for row in agreements([pair], scorer, [prompt])] == [1.0]
    assert [row.value for row in agreements([pair], scorer)] == [None]


def rows_of(tag, *values):
    return [Agreement(str(i), tag, value) for i, value in enumerate(values)]


def test_the_table_by_hand():
    table = reward_table(
        {
            "ours": rows_of("en", 1, 1, 1, 1) + rows_of("de", 1, 0, 0.5, None),
            "theirs": rows_of("en", 1, 0) + rows_of("sw", None, None),
        },
        in_distribution=["ours"],
        seed=1,
    )
    found = {(row.task, row.language): row for row in table.rows}
    assert list(found) == [
        ("ours", "de"), ("ours", "en"), ("ours", "mean"),
        ("theirs", "en"), ("theirs", "sw"), ("theirs", "mean"),
    ]  # fmt: skip
    german = found["ours", "de"]
    assert (german.value, german.n, german.ties, german.unknown) == (0.5, 3, 1, 1)
    assert (german.drop, german.in_distribution) == (0.5, True)
    assert german.low <= 0.5 <= german.high
    assert german.drop_low == pytest.approx(1 - german.high)
    assert found["ours", "en"].drop is None
    mean = found["ours", "mean"]
    assert (mean.value, mean.n, mean.unknown, mean.drop) == (0.75, 7, 1, 0.5)
    swahili = found["theirs", "sw"]
    assert (swahili.value, swahili.low, swahili.drop, swahili.n) == (None, None, None, 0)
    assert swahili.unknown == 2
    assert (found["theirs", "mean"].value, found["theirs", "mean"].drop) == (0.5, None)
    (english,) = table.distribution
    assert (english.language, english.inside, english.outside) == ("en", 1.0, 0.5)
    assert english.drop == 0.5
    assert english.drop_low <= 0.5 <= english.drop_high


def test_parallel_questions_make_the_drop_sharp():
    """Wrong on the same questions in both languages: the accuracies vary, the drop does not."""
    rng = random.Random(0)
    values = [float(rng.random() < 0.6) for _ in range(200)]
    table = reward_table({"set": rows_of("en", *values) + rows_of("fr", *values)}, seed=1)
    _, french, _ = table.rows
    assert french.drop == 0.0
    assert french.drop_high == -french.drop_low < 0.02  # what 200 questions leave open
    assert french.high - french.low > 0.1
    apart = [replace(row, family=f"fr {row.family}") for row in rows_of("fr", *values)]
    _, french, _ = reward_table({"set": rows_of("en", *values) + apart}, seed=1).rows
    assert french.drop_high - french.drop_low > 0.1


def test_one_family_each_has_no_interval_to_speak_of():
    """With a language for each family no draw has them all: a mean, and no interval for it."""
    tags = [
        "ar", "de", "en", "es", "fr", "hi", "id", "it", "ja", "ko", "nl", "pl", "ro", "ru", "sv",
        "sw", "th", "tr", "uk", "vi",
    ]  # fmt: skip
    rows = [Agreement(tag, tag, 1.0) for tag in tags]
    mean = reward_table({"set": rows}, seed=1, resamples=100).rows[-1]
    assert (mean.value, mean.low, mean.n) == (1.0, None, len(tags))


known = st.sampled_from([0.0, 0.5, 1.0])
cells = st.tuples(st.sampled_from("abcde"), st.sampled_from(["en", "de", "sw"]), st.none() | known)


@settings(max_examples=40, deadline=None)
@given(st.lists(cells, max_size=30), st.randoms(use_true_random=False))
def test_neither_order_nor_other_sets_change_a_row(given_cells, rng):
    rows = [Agreement(*cell) for cell in given_cells]
    shuffled = rng.sample(rows, len(rows))
    alone = reward_table({"set": rows}, seed=3, resamples=50)
    other = {"other": rows_of("en", 1.0, 0.0), "set": shuffled}
    beside = reward_table(other, seed=3, resamples=50)
    assert [row for row in beside.rows if row.task == "set"] == alone.rows
    for row in alone.rows:
        counted = [r for r in rows if row.language in ("mean", r.language)]
        assert row.n + row.unknown == len(counted)
        assert (row.value is None) == (row.n == 0)
        if row.value is not None and row.low is not None:
            assert 0 <= row.low <= row.high <= 1


def test_a_set_that_is_not_there():
    with pytest.raises(ValueError, match="expected sets among a to be in distribution, got 'b'"):
        reward_table({"a": []}, in_distribution=["b"], seed=1)
    assert reward_table({}, seed=1).rows == []


# On real data


HERE = [name for name in PREFERENCE_SETS if name != "m_rewardbench"]
"""The sets of which rows lie beside the repository; M-RewardBench is on the hub alone."""


def real_preferences(name: str, *, whole: bool = False) -> list[Preference]:
    folders = {
        "alpacaeval": ("alpacaeval_outputs", "alpacaeval_annotations"),
        "ja_mtbench_scores": ("ja_mtbench_scores", "mt_bench_x"),
    }
    paths = [published(folder, whole=whole) for folder in folders.get(name, (name,))]
    return read_preference_set(name, paths[0].parent)


@pytest.fixture(scope="module")
def sets():
    return {name: real_preferences(name, whole=True) for name in HERE}


def test_m_rewardbench_is_read_in_every_language(tmp_path):
    for code in ("arb_Arab", "zho_Hant"):
        pairs = [{"id": 3, "subset": "chat", "prompt": "P?", "chosen": "Yes.", "rejected": "No."}]
        pq.write_table(
            pa.Table.from_pylist([{**pair, "language": code} for pair in pairs]),
            made(tmp_path / "m_rewardbench" / code) / "test-00000-of-00001.parquet",
        )
    arabic, chinese = read_preference_set("m_rewardbench", tmp_path)
    assert (arabic.language, chinese.language) == ("ar", "zh-Hant")
    assert arabic.family == chinese.family
    assert (arabic.chosen_text, arabic.rejected_text) == ("Yes.", "No.")


def made(folder):
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", HERE)
def test_every_set_has_preferences_that_somebody_decided(name):
    preferences = real_preferences(name)
    folder = "alpacaeval_outputs" if name == "alpacaeval" else name
    assert len(preferences) >= (100 if is_whole(published(folder)) else 3)
    for row in preferences:
        assert row.prompt[-1]["role"] == "user"
        assert row.chosen_text != row.rejected_text


def test_one_table_in_every_language_is_one_family():
    preferences = real_preferences("tata")
    assert {row.language for row in preferences} == {"ar", "en", "fr", "pt", "sw"}
    shared = [{row.family for row in preferences if row.language == tag} for tag in ("en", "sw")]
    assert len(set.intersection(*shared)) >= (100 if is_whole(published("tata")) else 1)


def test_the_labels_are_read_the_right_way_round():
    """TaTA's people wrote the reference: it is preferred far more often than any system."""
    rows = published_rows("tata/human_ratings.jsonl.gz")
    preferences = real_preferences("tata")
    references = {row["output"] for row in rows if row["model"] == "reference"}
    chosen = sum(row.chosen_text in references for row in preferences)
    rejected = sum(row.rejected_text in references for row in preferences)
    assert chosen > 3 * rejected


def test_longer_is_better_for_gpt4_and_not_for_people(sets):
    """What is known of the sets: the length bias of GPT-4 as judge (arXiv:2404.04475), and that
    LLMBar and the harmless dialogues do not reward it."""
    found = {name: agreements(rows, Length()) for name, rows in sets.items()}
    table = reward_table(found, in_distribution=["tata"], seed=1)
    row_of = {(row.task, row.language): row for row in table.rows}
    assert row_of["alpacaeval", "en"].low > 0.85
    assert row_of["ja_vicuna", "ja"].low > 0.65
    assert row_of["hh_rlhf", "en"].high < 0.5
    assert row_of["llmbar", "en"].low < 0.5 < row_of["llmbar", "en"].high
    chinese = row_of["preference_demo", "zh-Hans"]
    assert chinese.drop_high < 0, "in Chinese the longer one wins more often than in English"
    assert {row.language for row in table.rows if row.task == "tata" and row.drop is not None} == {
        "ar", "fr", "mean", "pt", "sw",
    }  # fmt: skip
    assert [row.language for row in table.distribution] == ["en"]


def test_the_language_says_nothing_where_both_sides_are_in_it():
    preferences = real_preferences("tata")
    tags = sorted({row.language for row in preferences})
    (scorer,) = load_scorers(["language_match"], load_identifier(tags))
    for row in reward_table({"tata": agreements(preferences, scorer)}, seed=1).rows:
        assert row.value == pytest.approx(0.5, abs=0.01)
        assert row.ties >= 0.99 * row.n


def test_a_set_or_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"expected a set of preferences among alpacaeval, .*'x'"):
        read_preference_set("x", tmp_path)
    with pytest.raises(
        ValueError, match=r"llmbar, .*items.jsonl.gz: expected a file, came nothing"
    ):
        read_preference_set("llmbar", tmp_path)
    (tmp_path / "llmbar").mkdir()
    with gzip.open(tmp_path / "llmbar/items.jsonl.gz", "wt") as file:
        file.write('{"subset": "s", "i": 0}\n')
    with pytest.raises(ValueError, match="llmbar: expected rows with a column 'input', got none"):
        read_preference_set("llmbar", tmp_path)
