"""A grid of tiny runs: what is shared, what fails, and that the same command again runs nothing."""

import json
from pathlib import Path

import pytest
from tiny_run import tiny_overrides

from isoglot.commands.main import main
from isoglot.report.results.study import Study, StudyCell
from isoglot.study.study import run_study

pytestmark = pytest.mark.slow

SHORT = {
    "rounds": "1",
    "languages": "[en, es]",
    "evaluate.validation": "null",
    "prompts.num_families": "4",
    "evaluate.tasks": "[{name: lab_math, prompts: {kind: lab, task: math, split: test}, "
    "num_families: 4, cut_off: wrong, decoding: {max_new_tokens: 4}}]",
}

STUDY = """
seeds: [1, 2]
task: lab_math
judges: [oracle, language_match]
axes:
  method:
    dpo:
    sft: {train: {method: sft, training: {use_cpu: true, per_device_train_batch_size: 4}}}
  data:
    good: {size: 7}
    broken: {prompts.source: {kind: file, path: BROKEN, language: en}}
skip: [{method: sft, data: broken}]
budget: {tokens: 5}
findings:
  - {claim: DPO is at least as good, better: {method: dpo}, than: {method: sft}, margin: 0.01}
  - {claim: broken is better, better: {data: broken}, than: {data: good}}
"""


@pytest.fixture(scope="module")
def file(tiny_policy, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "broken.jsonl").write_text("no JSON\n")
    keys = dict(each.split("=", 1) for each in tiny_overrides(tiny_policy))
    keys = {key: value for key, value in keys.items() if not key.startswith("evaluate")} | SHORT
    lines = ["name: tiny", "recipe: lidr-lab", "overrides:"]
    lines += [f"  {key}: {value}" for key, value in keys.items()]
    path = folder / "tiny.yaml"
    path.write_text("\n".join(lines) + STUDY.replace("BROKEN", str(folder / "broken.jsonl")))
    return path


@pytest.fixture(scope="module")
def made(file) -> tuple[Study, Path]:
    return run_study(file, file.parent / "out", num_processes=2, silent=True)


def cell(content: Study, name: str) -> StudyCell:
    return next(each for each in content.cells if each.cell == name)


def test_a_cell_that_fails_stops_no_other_and_says_why(made):
    content, root = made
    assert [run.error for name in ("dpo+good", "sft+good") for run in cell(content, name).runs] == [
        None
    ] * 4
    failed = [each.run for each in content.failures]
    assert failed == ["dpo+broken/seed-1", "dpo+broken/seed-2"]
    for each in content.failures:
        assert "broken.jsonl" in each.error
        assert "\n" not in each.error
        assert "InputError" in Path(each.log).read_text()
    assert cell(content, "dpo+broken").win_rates[0].win_rate is None
    assert content.findings[-1].answer == "undecided"
    assert Study.read_from(root) == content


def test_each_cell_that_ran_has_its_scores_beside_m0(made):
    content, root = made
    scores = {(row.cell, row.metric, row.group): row for row in content.scores}
    assert {name for name, _, _ in scores} == {"M0", "dpo+good", "sft+good"}
    base, row = scores["M0", "accuracy", "mean"], scores["sft+good", "accuracy", "mean"]
    assert base.change is None
    assert row.num_languages == 3
    assert row.change == pytest.approx(row.value - base.value)
    seeds = [
        json.loads((root / f"sft+good/seed-{seed}/summary.json").read_text()) for seed in (1, 2)
    ]
    means = [
        [r["value"] for r in seed["rounds"][-1]["results"] if r["metric"] == "accuracy"]
        for seed in seeds
    ]
    assert row.by_seed == pytest.approx([sum(values) / len(values) for values in means])
    assert scores["sft+good", "accuracy", "unseen"].num_languages == 1
    weak, dominant = (scores["sft+good", "accuracy", group] for group in ("weak", "dominant"))
    trained = scores["sft+good", "accuracy", "trained"]
    assert (weak.num_languages, dominant.num_languages) == (1, 1)
    assert trained.value == pytest.approx((weak.value + dominant.value) / 2)


def test_what_cells_share_is_made_once(made):
    _, root = made
    done = {path: json.loads(path.read_text()) for path in root.glob("*/*/round-*/**/done.json")}
    by_fingerprint: dict[str, list[dict]] = {}
    for content in done.values():
        by_fingerprint.setdefault(content["fingerprint"], []).append(content)
    for same in by_fingerprint.values():
        assert sum("taken_from" not in each for each in same) == 1
    base = [c for path, c in done.items() if "round-0/evaluate" in str(path)]
    assert (len(base), sum("taken_from" in each for each in base)) == (6, 4)
    shared = {path.parent.name for path, c in done.items() if "taken_from" in c}
    assert shared == {"lab_math", "prompts", "generate", "translate", "pair", "filter"}


def test_every_language_has_its_counts_and_costs_are_counted_where_they_were_made(made):
    content, _ = made
    assert content.languages == ["en", "es", "it"]
    one, other = (cell(content, f"{method}+good") for method in ("dpo", "sft"))
    for each in (one, other):
        assert each.size == 7
        for row in each.win_rates:
            known = row.wins + row.ties + row.losses
            assert known == row.n
            assert known + row.invalid == 8 * {"all": 3, "trained": 2}.get(row.language, 1)
    assert {row.judge for row in one.win_rates} == {"oracle", "language_match"}
    for first, later in zip(one.runs, other.runs, strict=True):
        made_by = [run for run in (first, later) if "generate" in run.seconds]
        assert len(made_by) == 1
        assert {"train", "evaluate"} <= first.seconds.keys() & later.seconds.keys()
        assert first.written_tokens == later.written_tokens > 0, "of the one that took them, too"
        assert min(first.trained_tokens, later.trained_tokens) > 0
        assert first.total_seconds == pytest.approx(sum(first.seconds.values()), abs=0.1)


def test_the_same_command_again_runs_only_what_failed(made, file, capsys):
    content, root = made
    before = {p: p.stat().st_mtime_ns for p in root.glob("*+good/**/*") if p.is_file()}
    with pytest.raises(SystemExit) as ended:
        main(["study", str(file), "--out", str(root), "--num-processes", "2"])
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert "good/seed" not in printed.err
    assert "dpo+broken/seed-1: failed: " in printed.err
    assert "dpo+good" in printed.out
    assert "failed: seed 1" in printed.out
    assert {p: p.stat().st_mtime_ns for p in root.glob("*+good/**/*") if p.is_file()} == before
    assert Study.read_from(root) == content


def test_changed_settings_are_refused_by_each_run_unless_redone(made, file, tmp_path):
    _, root = made
    changed = tmp_path / "changed.yaml"
    changed.write_text(
        file.read_text().replace("data:\n", "data:\n    more: {pair.dominant_pairs: none}\n")
        .replace("good: {size: 7}", "good: {pair.dominant_pairs: none}")
        .replace("seeds: [1, 2]", "seeds: [1]")
        .replace("skip: [{method: sft,", "skip: [{data: more}, {method: sft}, {")
        .replace("findings:", "findings: []\nignored:").partition("ignored:")[0]
    )  # fmt: skip
    content, _ = run_study(changed, root, silent=True)
    assert "pair.dominant_pairs = 'all' (now 'none')" in content.failures[0].error
