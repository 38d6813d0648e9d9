"""The page of a run says what its summary says, opens offline, and no model text can act in it."""

import json
import re
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from html_of_pages import Elements, data_of, without_library
from hypothesis import given
from hypothesis import strategies as st
from made_run import (
    LANGUAGES,
    pair_counts,
    preference,
    result,
    run_summary,
    with_last_results,
    write_run,
)
from rich.console import Console

from isoglot.core.store import write_json, write_shard
from isoglot.report.cards.card import MAX_CHARS
from isoglot.report.cards.pairs import NUM_DROPPED, NUM_KEPT, pair_cards
from isoglot.report.charts.canvas import label
from isoglot.report.charts.rounds import spread
from isoglot.report.escape import UNKNOWN
from isoglot.report.pages.audit import audit_tables
from isoglot.report.pages.headline import Headline
from isoglot.report.pages.run import write_report
from isoglot.report.pages.run_results import language_table
from isoglot.report.results.progress import Progress
from isoglot.report.results.rows import Measure
from isoglot.report.results.summary import (
    Audit,
    AuditRow,
    RoundSummary,
    RunSummary,
    TrainingLine,
)

HOSTILE = "</script><img src=x onerror=alert(1)><a href='https://evil.example/'>x</a><!--"
ACCURACY = Measure("lab_math", "accuracy")


def page_of(summary: RunSummary, folder: Path, text: str = "39") -> str:
    return write_report(write_run(folder, summary, text)).read_text(encoding="utf-8")


def page_without_pairs(summary: RunSummary, folder: Path) -> str:
    summary.write(folder / "summary.json")
    return write_report(folder).read_text(encoding="utf-8")


def test_page_has_the_values_of_every_language(tmp_path: Path) -> None:
    page = page_of(run_summary(), tmp_path)
    for name, first, last in (("Swahili", "48.4", "72.0"), ("Italian", "51.3", "57.9")):
        row = re.search(rf'<tr><th scope="row">{name}.*?</tr>', page, re.DOTALL)
        assert row
        assert first in row.group()
        assert last in row.group()
    assert "Kiswahili" in page
    assert len(data_of(page)["charts"]) == 7
    assert {card["language"] for card in data_of(page)["browser"]["cards"]} == {"sw", "de"}


def test_page_loads_nothing(tmp_path: Path) -> None:
    page = without_library(page_of(run_summary(), tmp_path))
    assert not re.search(r"https?://|url\(|@import", page)
    for tag, attributes in Elements(page).found:
        assert "src" not in attributes, tag
        assert attributes.get("href", "data:,") == "data:,"
    assert "default-src 'none'" in page
    assert page.count("'sha256-") == 2


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    audit = Audit(rows=[AuditRow(sampler=HOSTILE, language=HOSTILE, off_target_rate=0.5)])
    summary = run_summary(HOSTILE, HOSTILE, stopped=HOSTILE, audit=audit)
    hostile = result(HOSTILE, 0.5, signature=HOSTILE)
    rounds = [r.model_copy(update={"results": [*r.results, hostile]}) for r in summary.rounds]
    summary = summary.model_copy(update={"rounds": rounds, "seconds": {HOSTILE: 1.0}})
    page = page_of(summary, tmp_path, HOSTILE)
    elements = Elements(without_library(page)).found
    assert not [tag for tag, _ in elements if tag in {"img", "a", "iframe"}]
    assert sum(tag == "script" for tag, _ in elements) == 3
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert HOSTILE not in page
    data = data_of(page)
    cards = data["browser"]["cards"]
    assert any(side["text"] == HOSTILE for card in cards for side in card["sides"])
    thoughts = [(side["thought"], side["thought_language"]) for c in cards for side in c["sides"]]
    assert {("", "und"), (HOSTILE, "en")} == set(thoughts)
    assert "<" not in json.dumps(data["charts"])


@given(st.text())
def test_labels_have_no_markup(text: str) -> None:
    assert not set("<>") & set(label(text))


@pytest.mark.parametrize("rounds", [[], [RoundSummary(round=0, policy="x")]])
def test_missing_parts_are_named(tmp_path: Path, rounds: list[RoundSummary]) -> None:
    page = page_without_pairs(RunSummary(rounds=rounds), tmp_path)
    assert page.count('class="missing"') >= 6
    assert "This run has no results yet" in page
    assert "A run without a recipe" in page


def test_one_policy_has_no_change(tmp_path: Path) -> None:
    summary = run_summary(num_rounds=1)
    assert "M0 only" in Headline(Progress(summary)).sentence
    assert "A change needs the results of two policies." in page_of(summary, tmp_path)


def test_value_unknown_is_a_dash_and_no_zero(tmp_path: Path) -> None:
    summary = with_last_results(
        run_summary(),
        lambda row: result("sw", None, row.metric) if row.language == "sw" else row,
    )
    assert "sw" not in Progress(summary).changes(ACCURACY)
    assert f'<td class="r">{UNKNOWN}</td>' in page_of(summary, tmp_path)


def test_results_without_any_value_are_shown_as_unknown(tmp_path: Path) -> None:
    rows = [result("sw", None, metric) for metric in ("accuracy", "off_target_rate")]
    summary = RunSummary(rounds=[RoundSummary(round=0, policy="x", results=rows)])
    page = page_without_pairs(summary, tmp_path)
    assert "This run has no off-target or mixed rates." in page
    assert f'<td class="r">{UNKNOWN}</td>' in page


def test_audit_has_a_heat_map_and_a_table(tmp_path: Path) -> None:
    rows = [
        AuditRow(sampler=name, language=tag, off_target_rate=rate, low=0, high=1, n=9, unknown=2)
        for name in ("one", "two")
        for tag, rate in (("sw", 0.25), ("de", None))
    ]
    audit = Audit(rows=rows)
    page = page_without_pairs(RunSummary(recipe="own", audit=audit), tmp_path)
    assert "An audit of 2 models in 2 languages." in page
    assert "25.0" in page
    (chart,) = data_of(page)["charts"]
    assert chart["data"][0]["z"] == [[None, None], [25.0, 25.0]]
    assert 'id="rounds-0"' not in page, "an audit asks for no results"
    rounds = [RoundSummary(round=0, pairs=pair_counts())]
    page = page_without_pairs(RunSummary(audit=audit, rounds=rounds), tmp_path)
    assert 'id="rounds-0"' not in page
    assert 'id="pairs"' in page


def test_the_audit_has_the_mixed_rates_of_answers_and_of_policies() -> None:
    answers = AuditRow(sampler="one", language="sw", off_target_rate=0.0, mixed=0.5)
    rows = [result("sw", 0.25, "off_target_rate"), result("sw", 0.125, "mixed_rate")]
    rounds = [RoundSummary(round=0, policy="M0", results=rows)]
    summary = RunSummary(audit=Audit(rows=[answers]), rounds=rounds)
    off_target, mixed = audit_tables(summary)
    assert [row.cells for row in off_target.rows] == [[0.0], [0.25]]
    assert (mixed.title, [row.cells for row in mixed.rows]) == (
        "Mixed answers, %",
        [[0.5], [0.125]],
    )
    (only,) = audit_tables(
        RunSummary(audit=Audit(rows=[answers.model_copy(update={"mixed": None})]))
    )
    assert only.title == "Off-target rate, %"


def test_a_run_without_evaluation_shows_what_it_has(tmp_path: Path) -> None:
    audit = Audit(rows=[AuditRow(sampler="M0", language="sw", off_target_rate=0.25, n=9)])
    rounds = [RoundSummary(round=0, pairs=pair_counts())]
    page = page_without_pairs(RunSummary(audit=audit, rounds=rounds), tmp_path)
    assert "An audit of 1 model in 1 language. Round 0 made 321 pairs." in page
    assert "no results yet" not in page
    assert 'id="results"' not in page


def test_a_training_is_a_panel_for_each_quantity_of_its_log(tmp_path: Path) -> None:
    def line(step: int, **columns: float | None) -> TrainingLine:
        return TrainingLine(step=step, loss=1 / step, languages={"sw": columns, "de": {}})

    lines = [line(1, reward_margin=0.5, logp_chosen=-9.0), line(2, reward_margin=None)]
    summary = run_summary(rounds=[RoundSummary(round=0, pairs=pair_counts(), training=lines)])
    page = page_of(summary, tmp_path)
    assert 'id="training"' in page
    assert "Reward margin, M0 to M1" in page
    assert "KL from the reference" not in page, "DPO has none"
    curves = [each for chart in data_of(page)["charts"] for each in chart["data"]]
    assert [1.0, 0.5] in [curve.get("y") for curve in curves], "the loss"
    assert [0.5, None] in [curve.get("y") for curve in curves], "unknown is not zero"


def test_folder_without_summary_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a file .*summary\.json, came none"):
        write_report(tmp_path)


def test_a_field_that_nobody_knows_is_refused_with_its_name(tmp_path: Path) -> None:
    content = run_summary().model_dump(mode="json")
    write_json(tmp_path / "summary.json", {**content, "no_such_field": 1})
    with pytest.raises(ValueError, match=r"summary\.json: no_such_field.*run the recipe again"):
        write_report(tmp_path)


def test_headline_is_the_mean_over_the_trained_others() -> None:
    head = Headline(Progress(run_summary()))
    assert head.trained
    assert head.trained.value == pytest.approx((0.236 + 0.062) / 2)
    assert head.worst == "de"
    assert head.dominant
    assert head.dominant.value == pytest.approx(-0.064)
    assert head.never_trained
    assert head.never_trained.value == pytest.approx(0.066)
    assert head.off_target == pytest.approx((0.041, 0.021))
    assert "rose by 14.9 points" in head.sentence
    assert "English, the dominant one, fell by 6.4 points" in head.sentence


def test_paired_change_goes_before_the_marginal_one() -> None:
    summary = with_last_results(
        run_summary(),
        lambda row: row.with_change(0.2, 0.19, 0.21) if row.language == "sw" else row,
    )
    found = Progress(summary).changes(ACCURACY)
    assert (found["sw"].value, found["sw"].low, found["sw"].high) == (0.2, 0.19, 0.21)
    assert found["de"].low == pytest.approx(0.062 - 0.03 * 2**0.5)


def test_change_within_its_interval_is_not_called_a_gain() -> None:
    summary = with_last_results(run_summary(), lambda row: row.with_change(0.01, -0.02, 0.04))
    assert "rose" not in Headline(Progress(summary)).sentence


def test_sample_is_bounded_cut_and_repeatable(tmp_path: Path) -> None:
    run = write_run(tmp_path, run_summary(), "x" * (MAX_CHARS + 5), num_pairs=NUM_KEPT + 10)
    notes: list[str] = []
    cards = pair_cards(run, notes).cards
    kept = [card for card in cards if card.facets["kind"] == "kept"]
    assert len(kept) == 2 * NUM_KEPT
    assert len(cards) - len(kept) == NUM_DROPPED
    assert cards[0].sides[0].text.endswith("[5 characters more]")
    assert cards == pair_cards(run, notes).cards
    assert not notes


def test_card_says_who_wrote_which_side_and_what_it_scored(tmp_path: Path) -> None:
    write_shard(tmp_path / "round-0/filter/part-00000.parquet", [preference("sw", 0)],
                type(preference("sw", 0)))  # fmt: skip
    (card,) = pair_cards(tmp_path, []).cards
    assert card.meta == "round 0 · Swahili · translated_vs_direct"
    assert [side.note for side in card.sides] == [
        "chosen · strong · identified: sw",
        "rejected · weak · score 0.250",
    ]


def test_broken_shard_is_a_note(tmp_path: Path) -> None:
    run = write_run(tmp_path, run_summary())
    (run / "round-0" / "filter" / "part-00001.parquet").write_bytes(b"PAR1 cut off")
    assert "part-00001.parquet could not be read" in write_report(run).read_text(encoding="utf-8")


@given(st.lists(st.floats(0, 100), max_size=30).map(sorted), st.floats(0.5, 5))
def test_labels_are_spread(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap)
    assert len(places) == len(wanted)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(places))
    assert sum(places) == pytest.approx(sum(wanted), abs=1e-6)


def test_table_has_every_language_and_no_markup() -> None:
    summary = run_summary()
    first = summary.rounds[0]
    rows = [*first.results, result("[red]x", 0.5)]
    rounds = [first.model_copy(update={"results": rows}), *summary.rounds[1:]]
    console = Console(width=120, record=True, file=StringIO())
    table = language_table(Progress(summary.model_copy(update={"rounds": rounds})))
    console.print(table.to_rich())
    text = console.export_text()
    assert "[red]x" in text
    assert all(part in text for part in ("Swahili", "48.4", "72.0", "+23.6", "4.1 → 2.1"))
    assert all(mark in text for mark in "★●○")
    assert len(table.rows) == len(LANGUAGES) + 1
