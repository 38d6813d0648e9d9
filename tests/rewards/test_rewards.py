"""`isoglot rewards`: scorers on preferences, resumed, refused, beside each other."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from isoglot.core.records import FinishReason, Preference, Prompt
from isoglot.core.store import read_shard, shard_path, shard_paths, write_shard
from isoglot.report.results.rewards import RewardResults
from isoglot.rewards.accuracy import check_held_out, measure_rewards

LANGUAGES = ("en", "de", "sw")
NUM = 12


def preference(i: int, tag: str, chosen: str, rejected: str) -> Preference:
    prompt = Prompt.from_text(f"{tag} {i}?", language=tag, family=f"f{i}", gold="7")

    def said(text):
        return ({"role": "assistant", "content": text},)

    return Preference(
        prompt.prompt, said(chosen), said(rejected), prompt.family, prompt.prompt_id, tag, tag,
        "a", "b", None, None, FinishReason.STOP, FinishReason.STOP, None, None, "test", 0,
    )  # fmt: skip


def pairs(start: int = 0) -> list[Preference]:
    """The longer one is preferred in English always, in German on half of the questions."""
    texts = ("It is 7.", "8")
    rows = []
    for i in range(start, start + NUM):
        for tag in LANGUAGES:
            is_long = tag == "en" or (tag == "de" and i % 2)
            rows.append(preference(i, tag, *(texts if is_long else texts[::-1])))
    return rows


def write_pairs(folder: Path, rows: list[Preference], num_shards: int = 3) -> Path:
    """Pairs as a run has them, with their prompts beside."""
    size = len(rows) // num_shards
    for k in range(num_shards):
        part = rows[k * size : (k + 1) * size]
        prompts = {
            row.prompt_id: Prompt(
                row.family, row.prompt_id, row.language, row.prompt, row.language, "7"
            )
            for row in part
        }
        write_shard(shard_path(folder / "filter", k), part, Preference)
        write_shard(shard_path(folder / "prompts", k), list(prompts.values()), Prompt)
    return folder / "filter"


@pytest.fixture
def run(tmp_path) -> Path:
    """The folder of a run with pairs."""
    write_pairs(tmp_path / "run" / "round-0", pairs())
    return tmp_path / "run"


def measured(scorers, on, out, **options):
    return measure_rewards(scorers, on, out, resamples=50, silent=True, **options)


def row_of(results, scorer, tag, task=None):
    (row,) = (
        r
        for r in results.results
        if (r.scorer, r.language) == (scorer, tag) and task in (None, r.task)
    )
    return row


def test_each_scorer_by_hand(run, tmp_path):
    results = measured(["length", "gold:last_number"], [str(run)], tmp_path / "out")
    values = [row_of(results, "length", tag).value for tag in (*LANGUAGES, "mean")]
    assert values == [1.0, 0.5, 0.0, 0.5]
    # `8` is wrong whatever its length, and where it is preferred, so is the preference
    assert row_of(results, "gold:last_number", "sw").value == 0.0
    german = row_of(results, "length", "de")
    assert (german.drop, german.n, german.ties, german.unknown) == (0.5, NUM, 0, 0)
    assert german.low < 0.5 < german.high
    assert german.drop_low == pytest.approx(1 - german.high)
    assert german.signature != row_of(results, "gold:last_number", "de").signature
    folder = tmp_path / "out" / results.folders["length"][str(run)]
    (first, *_) = read_shard(shard_path(folder, 0), Preference)
    assert (first.score_chosen, first.score_rejected) == (8.0, 1.0)


def test_in_and_out_of_distribution_stand_side_by_side(run, tmp_path):
    other = tmp_path / "other.parquet"
    write_shard(other, [row for row in pairs(100) if row.language != "en"], Preference)
    results = measured(
        ["length"],
        [str(other)],
        tmp_path / "out",
        in_distribution=[str(run)],
        languages=["lidr-5"],
    )
    assert row_of(results, "length", "de", str(run)).in_distribution
    assert not row_of(results, "length", "de", str(other)).in_distribution
    assert {row.language for row in results.results} == {"en", "de", "mean"}
    (german,) = results.distribution
    assert (german.scorer, german.language, german.drop) == ("length", "de", 0.0)


def test_what_was_scored_is_not_scored_again(run, tmp_path):
    out = tmp_path / "out"
    results = measured(["length"], [str(run)], out)
    shards = shard_paths(out / results.folders["length"][str(run)])
    times = [path.stat().st_mtime_ns for path in shards]
    more = measured(["length", "language_match"], [str(run)], out)
    assert [path.stat().st_mtime_ns for path in shards] == times
    assert [r for r in more.results if r.scorer == "length"] == results.results
    assert [r.value for r in more.results if r.scorer == "language_match"]
    # killed in the middle: what is there is kept, what is missing is made
    (shards[0].parent / "done.json").unlink()
    shards[1].unlink()
    assert measured(["length"], [str(run)], out) == results
    assert shards[0].stat().st_mtime_ns == times[0]


def test_other_pairs_under_the_same_name_are_refused(run, tmp_path):
    out = tmp_path / "out"
    measured(["length"], [str(run)], out)
    write_pairs(run / "round-0", pairs(50))
    with pytest.raises(ValueError, match=r"was made with pairs = .*Give --redo"):
        measured(["length"], [str(run)], out)
    measured(["length"], [str(run)], out, redo=True)


def test_a_single_file_and_a_folder_say_the_same(run, tmp_path):
    path = tmp_path / "pairs.parquet"
    write_shard(path, pairs(), Preference)
    results = measured(["length"], [str(path), str(run / "round-0/filter")], tmp_path / "out")
    one, other = (
        [(r.language, r.value, r.drop) for r in results.results if r.task == name]
        for name in (str(path), str(run / "round-0/filter"))
    )
    assert one == other


def test_the_verb_prints_the_table_and_writes_a_page(isoglot, run, tmp_path):
    out = tmp_path / "out"
    code, printed, _ = isoglot("rewards", "length", "language_match", "--on", run, "--out", out)
    assert code == 0
    for word in ("Swahili (sw)", "language_match", "100.0 ±", "+100.0* ±", "Mean"):
        assert word in printed
    assert f"report: {out / 'report.html'}" in printed
    assert json.loads((out / "results.json").read_text())["scorers"] == ["length", "language_match"]


def test_bad_input_is_one_line(isoglot, run, tmp_path, tiny_model):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    two = tmp_path / "two"
    AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=2).save_pretrained(
        two
    )
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(two)
    odd, empty = tmp_path / "odd.parquet", tmp_path / "empty.parquet"
    write_shard(odd, [Prompt.from_text("a", language="en")], Prompt)
    write_shard(empty, [], Preference)
    cases = [
        ([two, "--on", run], "expected a reward model with one label, got 2 labels in"),
        (["length", "--on", odd], "expected columns prompt, chosen and rejected, came"),
        (["length", "--on", empty], "expected pairs, got none; leave the set out"),
        (["length", "--on", run, "--languages", "lidr5"], "did you mean 'lidr-5'"),
        (["length", "--on", run, "--languages", "th"],
         "expected languages that have pairs (de, en, sw), got th; leave it out"),
        (["length", "--on", tmp_path / "no"], "expected a set of preferences (alpacaeval, hh_rlhf"),
        (["length", "--on", "tata"], "tata: expected the folder of the published sets, got none"),
        (["length"], "expected a set of preferences, got none; name one"),
        (["length", "length", "--on", run], "expected each scorer once, got length twice"),
        (["gold:exakt", "--on", run], "expected gold:NAME with one of"),
        (["judge:", "--on", run], "expected judge:NAME, got 'judge:'"),
    ]  # fmt: skip
    for place, (arguments, said) in enumerate(cases):
        code, _, error = isoglot("rewards", *arguments, "--out", tmp_path / f"out-{place}")
        (line,) = [line for line in error.splitlines() if line.startswith("isoglot:")]
        assert code == 2, line
        assert said in line


def test_a_judge_that_is_not_there_or_has_no_key_is_one_line(isoglot, run, tmp_path, tiny_model):
    missing = tmp_path / "answers.jsonl"
    code, _, error = isoglot("rewards", f"judge:{missing}", "--on", run, "--out", tmp_path / "out")
    assert code == 2
    assert "Traceback" not in error
    assert str(missing) in error
    assert tiny_model


def test_held_out_pairs_are_not_those_that_were_trained_on(run, tmp_path):
    files = shard_paths(run / "round-0/filter")
    with pytest.raises(ValueError, match=r"got 12 of 12 families that are; hold some back"):
        check_held_out([str(run)], files, tmp_path / "rewards")
    held = tmp_path / "held.parquet"
    write_shard(held, pairs(50), Preference)
    check_held_out([str(held)], files, tmp_path / "rewards")
    write_shard(held, [*pairs(50), replace(pairs()[0])], Preference)
    with pytest.raises(ValueError, match=r"got 1 of 13 families"):
        check_held_out([str(held)], files, tmp_path / "rewards")


def test_a_trained_reward_model_is_measured_on_what_was_held_out(
    isoglot, run, tiny_model, tmp_path
):
    held, out = tmp_path / "held.parquet", tmp_path / "reward"
    write_shard(held, pairs(50), Preference)
    command = ["train", "reward", *shard_paths(run / "round-0/filter"), "--model", tiny_model]
    command += [
        "--out",
        out,
        "--set",
        "max_steps=2",
        "--set",
        "use_cpu=true",
        "--set",
        "bf16=false",
    ]
    code, printed, error = isoglot(*command, "--eval", held)
    assert code == 0, error
    results = RewardResults.read(out / "rewards.json", mend="")
    assert results.scorers == [str(out / "policy"), "length"]
    assert row_of(results, str(out / "policy"), "sw").n == NUM
    assert row_of(results, "length", "sw").in_distribution
    assert "right about preferences" in printed
    assert (out / "rewards" / "report.html").exists()
    shutil.rmtree(out)
    code, _, error = isoglot(*command, "--eval", run)
    assert code == 2
    assert "got 12 of 12 families" in error
    assert not (out / "policy").exists(), "refused before the training"


def test_own_pairs_are_a_set_in_any_form(isoglot, tmp_path):
    rows = [
        {
            "prompt": f"How many apples are in basket {i}?",
            "chosen": "There are many.",
            "rejected": "1",
        }
        for i in range(6)
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "rewards"
    code, printed, err = isoglot("rewards", "length", "--on", tmp_path / "own.jsonl", "--out", out)
    assert code == 0, err
    assert "100.0" in printed
    code, _, err = isoglot("rewards", "length", "--on", tmp_path / "none.jsonl", "--out", out)
    assert (code, "or a file, got" in err) == (2, True), err
