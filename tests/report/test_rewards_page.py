"""The page and the table of scorers on preferences, with texts that would act."""

import json
from io import StringIO

import pytest
from html_of_pages import Elements, data_of, without_library
from made_evaluation import HOSTILE
from rich.console import Console

from isoglot.core.records import FinishReason, Preference, Prompt
from isoglot.core.store import shard_path, write_json, write_shard
from isoglot.report.cards.pairs import reward_outcome
from isoglot.report.pages.rewards import rewards_sentence, write_rewards_report
from isoglot.report.pages.rewards_tables import cells_of_set, distribution_table, set_table
from isoglot.report.results.rewards import DistributionResult, RewardResult, RewardResults

SCORERS = ("runs/reward/policy", f"length{HOSTILE}")


def row(scorer, tag, value, task="tata", **more):
    known = value is not None
    return RewardResult(
        scorer=scorer, task=task, metric="reward_accuracy", language=tag,
        in_distribution=task == "tata", value=value, low=value - 0.1 if known else None,
        high=value + 0.1 if known else None, n=40 if known else 0, ties=2,
        unknown=0 if known else 40, signature=f"reward_accuracy|scorer:{scorer}", **more,
    )  # fmt: skip


def pair(tag, chosen, rejected):
    prompt = Prompt.from_text(f"{tag} {HOSTILE}?", language=tag)

    def said(text):
        return ({"role": "assistant", "content": text},)

    return Preference(
        prompt.prompt, said(HOSTILE), said("no"), prompt.family, prompt.prompt_id, tag, tag,
        "a", "b", None, None, FinishReason.STOP, FinishReason.STOP, chosen, rejected, "test", 0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("rewards")
    lost = {"drop": 0.2, "drop_low": 0.05, "drop_high": 0.35}
    rows = []
    for scorer in SCORERS:
        rows += [row(scorer, "en", 0.8), row(scorer, "sw", 0.6, **lost), row(scorer, "yo", None)]
        rows += [row(scorer, "mean", 0.7, **lost), row(scorer, "en", 0.55, "llmbar")]
    both = DistributionResult(
        scorer=SCORERS[0], language="en", inside=0.8, outside=0.55, drop=0.25, drop_low=0.1,
        drop_high=0.4,
    )  # fmt: skip
    folders = {SCORERS[0]: {"tata": "rewards/a/tata"}, SCORERS[1]: {"tata": "rewards/b/tata"}}
    results = RewardResults(
        scorers=list(SCORERS), in_distribution=["tata"], folders=folders, seed=1, results=rows,
        distribution=[both],
    )  # fmt: skip
    results.write(out / "results.json")
    write_json(out / "rewards.json", {"sets": {"tata": "abc"}})
    some = [pair("en", 2.0, 1.0), pair("sw", 1.0, 2.0), pair("yo", None, 2.0), pair("de", 1.0, 1.0)]
    write_shard(shard_path(out / "rewards/a/tata", 0), some, Preference)
    return out


@pytest.fixture(scope="module")
def page(folder):
    return write_rewards_report(folder).read_text(encoding="utf-8")


def test_the_page_says_who_is_right_where(folder, page):
    text = without_library(page)
    assert "Right about tata (in distribution)" in text
    assert "Right about llmbar<" in text
    assert "In and out of distribution" in text
    said = rewards_sentence(RewardResults.read_from(folder))
    assert "runs/reward/policy is right in 70.0 % (60.0 to 80.0), English minus the others" in said
    assert "+20.0 (+5.0 to +35.0) points" in said


def test_a_scorer_is_a_column_and_an_unknown_cell_is_empty(page):
    heat, dots = data_of(page)["charts"][:2]
    assert heat["data"][0]["z"] == [[80.0, 80.0], [60.0, 60.0], [None, None]]
    assert len(dots["data"]) == len(SCORERS)
    assert [len(trace["x"]) for trace in dots["data"]] == [2, 2], "no dot for what is unknown"
    # a set in one language needs no heat map
    assert [chart["data"][0]["type"] for chart in data_of(page)["charts"]] == [
        "heatmap", "scatter", "scatter",
    ]  # fmt: skip


def test_nothing_of_a_text_acts(page):
    tags = [tag for tag, _ in Elements(without_library(page)).found]
    assert tags.count("img") == 0
    assert "alert(1)</script><script>" not in page
    assert HOSTILE not in page
    cards = data_of(page)["browser"]["cards"]
    assert any(HOSTILE in side["text"] for card in cards for side in card["sides"])


def test_cards_say_who_was_right(page):
    browser = data_of(page)["browser"]
    flags = {card["language"]: card["flag"] for card in browser["cards"]}
    assert flags == {"en": "right", "sw": "wrong", "yo": "no reward", "de": "equal rewards"}
    notes = [side["note"] for card in browser["cards"] for side in card["sides"]]
    assert "chosen · reward 2.000" in notes
    assert "chosen · no reward" in notes
    assert reward_outcome(pair("en", 0.0, None)) == "unknown"


def test_the_tables_of_the_console(folder):
    results = RewardResults.read_from(folder)
    stream = StringIO()
    console = Console(file=stream, width=80)
    for name in results.sets:
        table = set_table(name, cells_of_set(results, name), results.scorers)
        console.print(table.to_rich())
    console.print(distribution_table(results.distribution).to_rich())
    text = stream.getvalue()
    for word in (
        "Swahili (sw)",
        "60.0 ±10.0",
        "+20.0* ±15.0",
        "Mean",
        "llmbar",
        "+25.0* [+10.0, +40.0]",
    ):
        assert word in text
    yoruba = next(line for line in text.splitlines() if "(yo)" in line)
    assert "0.0" not in yoruba, "unknown is not zero"
    assert "–" in yoruba
    assert max(map(len, text.splitlines())) <= 80


def test_a_folder_without_rewards_still_has_its_page(folder, tmp_path):
    data = json.loads((folder / "results.json").read_text())
    write_json(tmp_path / "results.json", data)
    page = write_rewards_report(tmp_path).read_text(encoding="utf-8")
    assert "The folder has no rewards to show." in page
    with pytest.raises(ValueError, match=r"expected .*results\.json"):
        write_rewards_report(tmp_path / "no")
