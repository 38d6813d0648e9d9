"""The page says what the summary says, opens offline, and no model text can act in it."""

import json
import re
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from html_of_pages import Elements, data_of, without_library
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from isoglot.report.cards.browser import MAX_CHARS
from isoglot.report.cards.pairs import NUM_DROPPED, NUM_KEPT, sample_pairs
from isoglot.report.charts.canvas import label
from isoglot.report.charts.figures import spread
from isoglot.report.pages.run import render, write_report
from isoglot.report.results.measures import Measure, changes
from isoglot.report.tables import UNKNOWN, console_table, headline

HOSTILE = "</script><img src=x onerror=alert(1)><a href='https://evil.example/'>x</a><!--"
LANGUAGES = {"en": True, "sw": True, "de": True, "it": False}
VALUES = {"en": (0.827, 0.763), "sw": (0.484, 0.72), "de": (0.698, 0.76), "it": (0.513, 0.579)}


def result(language: str, value: float, metric: str = "accuracy", **columns) -> dict:
    bounds = {"low": value - 0.03, "high": value + 0.03}
    return {
        "task": "lab_math", "language": language, "trained": LANGUAGES.get(language, False),
        "metric": metric, "value": value, **bounds, "n": 1000, "unknown": 3, "signature": "greedy",
        **columns,
    }  # fmt: skip


def chars(median: float) -> dict:
    return {"mean": median, "deciles": [median + 10 * i for i in range(-5, 6)]}


def summary(name: str = "lidr-lab", reason: str = "wrong_language") -> dict:
    part = {
        "kept": 321, "dropped": {reason: 17},
        "chosen_chars": chars(90), "rejected_chars": chars(80),
        "reward_accuracy": {"value": 0.9, "low": 0.87, "high": 0.93, "n": 321},
    }  # fmt: skip
    pairs = {**part, "by_language": {"sw": part, "de": part}}
    rounds = [
        {
            "round": index,
            "policy": f"M{index}@abc",
            "pairs": None if index else pairs,
            "results": [result(tag, VALUES[tag][index]) for tag in LANGUAGES]
            + [result(tag, 0.041 - 0.02 * index, "off_target_rate") for tag in LANGUAGES],
        }
        for index in range(2)
    ]
    seconds = {"round-0/generate": 12.3}
    return {"recipe": name, "seed": 42, "stopped": None, "rounds": rounds, "seconds": seconds}


def preference(language: str, index: int, text: str = "39") -> dict:
    return {
        "prompt": [{"role": "user", "content": f"Q{index}"}],
        "chosen": [{"role": "assistant", "content": text}],
        "rejected": [{"role": "assistant", "content": "7"}],
        "prompt_id": f"{language}{index}", "language": language, "score_chosen": None,
        "pair_type": "translated_vs_direct",
    }  # fmt: skip


def write_run(run: Path, content: dict, text: str = "39", num_pairs: int = 3) -> Path:
    dropped = run / "round-0" / "filter" / "dropped"
    dropped.mkdir(parents=True)
    (run / "summary.json").write_text(json.dumps(content))
    kept = [preference(tag, i, text) for i in range(num_pairs) for tag in ("sw", "de")]
    pq.write_table(pa.Table.from_pylist(kept), dropped.parent / "part-00000.parquet")
    rows = [
        {
            "prompt_id": str(i),
            "language": "sw",
            "reason": text,
            "chosen_text": text,
            "rejected_text": "b",
        }
        for i in range(num_pairs)
    ]
    pq.write_table(pa.Table.from_pylist(rows), dropped / "part-00000.parquet")
    return run


def test_page_has_the_values_of_every_language(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path, summary())).read_text(encoding="utf-8")
    for name, first, last in (("Swahili", "48.4", "72.0"), ("Italian", "51.3", "57.9")):
        row = re.search(rf"<tr><td>{name}.*?</tr>", page, re.DOTALL)
        assert row
        assert first in row.group()
        assert last in row.group()
    assert "Kiswahili" in page
    assert len(data_of(page)["charts"]) == 7
    assert {card["language"] for card in data_of(page)["browser"]["cards"]} == {"sw", "de"}


def test_page_loads_nothing(tmp_path: Path) -> None:
    page = without_library(write_report(write_run(tmp_path, summary())).read_text(encoding="utf-8"))
    assert not re.search(r"https?://|url\(|@import", page)
    for tag, attributes in Elements(page).found:
        assert "src" not in attributes, tag
        assert attributes.get("href", "data:,") == "data:,"
    assert "default-src 'none'" in page
    assert page.count("'sha256-") == 2


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    content = summary(HOSTILE, HOSTILE)
    content["stopped"] = HOSTILE
    content["rounds"][0]["results"].append(result(HOSTILE, 0.5, signature=HOSTILE))
    content["audit"] = {"rows": [{"sampler": HOSTILE, "language": HOSTILE, "off_target_rate": 0.5}]}
    run = write_run(tmp_path, content, HOSTILE)
    (run / "run.json").write_text(json.dumps({"versions": {HOSTILE: HOSTILE}}))
    page = write_report(run).read_text(encoding="utf-8")
    elements = Elements(without_library(page)).found
    assert not [tag for tag, _ in elements if tag in {"img", "a", "iframe"}]
    assert sum(tag == "script" for tag, _ in elements) == 3
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert HOSTILE not in page
    data = data_of(page)
    cards = data["browser"]["cards"]
    assert any(side["text"] == HOSTILE for card in cards for side in card["sides"])
    assert "<" not in json.dumps(data["charts"])


@given(st.text())
def test_labels_have_no_markup(text: str) -> None:
    assert not set("<>") & set(label(text))


@pytest.mark.parametrize(
    "content",
    [{}, {"rounds": []}, {"rounds": [{"round": 0, "policy": "x", "results": None, "pairs": None}]}],
)
def test_missing_parts_are_named(content: dict) -> None:
    page = render(content, {})
    assert page.count('class="missing"') >= 6
    assert "This run has no results yet" in page


def test_one_policy_has_no_change() -> None:
    content = summary()
    content["rounds"] = content["rounds"][:1]
    assert "M0 only" in headline(content).sentence
    assert "A change needs the results of two policies." in render(content, {})


def test_value_unknown_is_a_dash_and_no_zero() -> None:
    content = summary()
    content["rounds"][1]["results"][1]["value"] = None
    assert "sw" not in changes(content, Measure("lab_math", "accuracy"))
    assert UNKNOWN in render(content, {})


def test_results_without_any_value_are_shown_as_unknown() -> None:
    rows = [
        result("sw", 0.5, metric) | {"value": None} for metric in ("accuracy", "off_target_rate")
    ]
    page = render({"rounds": [{"round": 0, "policy": "x", "results": rows, "pairs": None}]}, {})
    assert "This run has no off-target rates." in page
    assert f'<td class="r">{UNKNOWN}</td>' in page


def test_audit_has_a_heat_map_and_a_table() -> None:
    rows = [
        {
            "sampler": name,
            "language": tag,
            "off_target_rate": rate,
            "low": 0,
            "high": 1,
            "n": 9,
            "unknown": 2,
        }
        for name in ("one", "two")
        for tag, rate in (("sw", 0.25), ("de", None))
    ]
    page = render({"recipe": "own", "audit": {"rows": rows}}, {})
    assert "An audit of 2 models in 2 languages." in page
    assert "25.0" in page
    (chart,) = data_of(page)["charts"]
    assert chart["data"][0]["z"] == [[None, None], [25.0, 25.0]]
    assert 'id="rounds-0"' not in page, "an audit asks for no results"
    pairs = summary()["rounds"][0]["pairs"]
    page = render({"audit": {"rows": rows}, "rounds": [{"round": 0, "pairs": pairs}]}, {})
    assert 'id="rounds-0"' not in page
    assert 'id="pairs"' in page


def test_folder_without_summary_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"summary\.json, found no such file"):
        write_report(tmp_path)


def test_headline_is_the_mean_over_the_trained_others() -> None:
    head = headline(summary())
    assert head.trained
    assert head.trained.value == pytest.approx((0.236 + 0.062) / 2)
    assert head.worst
    assert head.worst.name == "de"
    assert head.dominant
    assert head.dominant.value == pytest.approx(-0.064)
    assert head.never_trained
    assert head.never_trained.value == pytest.approx(0.066)
    assert (head.off_target_first, head.off_target_last) == pytest.approx((0.041, 0.021))
    assert "rose by 14.9 points" in head.sentence
    assert "English, the dominant one, fell by 6.4 points" in head.sentence


def test_paired_change_goes_before_the_marginal_one() -> None:
    content = summary()
    content["rounds"][1]["results"][1] |= {"change": 0.2, "change_low": 0.19, "change_high": 0.21}
    found = changes(content, Measure("lab_math", "accuracy"))
    assert (found["sw"].value, found["sw"].low, found["sw"].high) == (0.2, 0.19, 0.21)
    assert found["de"].low == pytest.approx(0.062 - 0.03 * 2**0.5)


def test_change_within_its_interval_is_not_called_a_gain() -> None:
    content = summary()
    for row in content["rounds"][1]["results"]:
        row |= {"change": 0.01, "change_low": -0.02, "change_high": 0.04}
    assert "rose" not in headline(content).sentence


def test_sample_is_bounded_cut_and_repeatable(tmp_path: Path) -> None:
    run = write_run(tmp_path, summary(), "x" * (MAX_CHARS + 5), num_pairs=NUM_KEPT + 10)
    pairs, notes = sample_pairs(run)
    kept = [pair for pair in pairs if pair["kind"] == "kept"]
    assert len(kept) == 2 * NUM_KEPT
    assert len(pairs) - len(kept) == NUM_DROPPED
    assert pairs[0]["chosen"].endswith("[5 characters more]")
    assert (pairs, notes) == sample_pairs(run)
    assert not notes


def test_broken_shard_is_a_note(tmp_path: Path) -> None:
    run = write_run(tmp_path, summary())
    (run / "round-0" / "filter" / "part-00001.parquet").write_bytes(b"PAR1 cut off")
    assert "part-00001.parquet could not be read" in write_report(run).read_text(encoding="utf-8")


@given(st.lists(st.floats(0, 100), max_size=30).map(sorted), st.floats(0.5, 5))
def test_labels_are_spread(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap)
    assert len(places) == len(wanted)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(places))
    assert sum(places) == pytest.approx(sum(wanted), abs=1e-6)


def test_console_table_prints_every_language_and_no_markup() -> None:
    content = summary()
    content["rounds"][0]["results"].append(result("[red]x", 0.5))
    console = Console(width=120, record=True, file=StringIO())
    console.print(console_table(content))
    text = console.export_text()
    assert "[red]x" in text
    assert all(part in text for part in ("Swahili", "48.4", "72.0", "+23.6", "4.1 → 2.1"))
