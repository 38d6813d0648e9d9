"""Files of rankings become preferences on disk, with the agreement; what is none is one line."""

import json

import pytest

from isoglot.commands.main import main
from isoglot.core.records import Dropped, Preference
from isoglot.core.store import DROPPED, read_shard, shard_paths
from isoglot.report.results.rewards import ImportedRankings
from isoglot.rewards.pair_sets import pair_set
from isoglot.rewards.rankings import import_rankings

GOOD, BAD = "Two apples are left on the table today.", "There is nothing here to be counted."


def row(item=1, ranks=(1, 2), annotator="a", **columns):
    return {
        "id": item,
        "prompt": f"How many apples? ({item})",
        "completions": [GOOD, BAD],
        "ranks": list(ranks),
        "annotator": annotator,
        **columns,
    }


def written(path, rows):
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return [str(path)]


def test_three_annotators_in_two_languages(tmp_path):
    rows = [
        row(i, ranks, who) for i in (1, 2) for who, ranks in zip("abc", [(1, 2)] * 3, strict=True)
    ]
    rows += [row(3, (1, 2), "a"), row(3, (2, 1), "b")]
    rows += [row(4, (2, 1), who, language="de", answer_language="sw") for who in "ab"]
    rows += [row(5, (1, 2), "a", language="de", answer_language="sw", models=["m", "n"])]
    rows += [row(6, completions=[GOOD, GOOD], ranks=[2, 1])]
    out = tmp_path / "out"
    found = import_rankings(written(tmp_path / "r.jsonl", rows), out)
    english, swahili = found.agreement
    counts = (
        "num_items",
        "num_items_of_several",
        "num_annotators",
        "num_pairs",
        "num_ties",
        "num_dropped",
    )
    assert [getattr(english, key) for key in counts] == [4, 3, 3, 2, 1, 1]
    assert [getattr(swahili, key) for key in counts] == [2, 1, 2, 2, 0, 0]
    assert 0 < english.alpha < 1 == swahili.alpha
    assert english.low <= english.alpha <= english.high == 1
    assert ImportedRankings.read(out / "agreement.json", mend="") == found
    pairs = [pair for path in shard_paths(out) for pair in read_shard(path, Preference)]
    found = {(p.language, p.answer_language, p.chosen_text, p.chosen_model) for p in pairs}
    assert found == {
        ("en", "en", GOOD, "completion 1"),
        ("de", "sw", BAD, "completion 2"),
        ("de", "sw", GOOD, "m"),
    }  # fmt: skip
    (dropped,) = read_shard(out / DROPPED / "part-00000.parquet", Dropped)
    assert dropped.reason == "same_text"
    assert pair_set(str(out), None, tmp_path / "copy").num_pairs == 4
    import_rankings(written(tmp_path / "r.jsonl", rows[:1]), out)
    assert not (out / DROPPED).exists(), "what was imported before is gone"


BAD_ROWS = [
    ([row(ranks=(1, 3))], "row 1: expected ranks from 1 without gaps, came 1, 3"),
    ([row(), row(2, (0, 1))], "row 2: expected ranks from 1"),
    ([row(ranks=(1,))], "came 1 ranks for 2 completions"),
    ([row(ranks=[])], "came 0 ranks for 2 completions"),
    ([row(ranks=(1, None))], "expected a list of whole numbers in `ranks`"),
    ([row(ranks=(1, True))], "expected a list of whole numbers in `ranks`"),
    ([row(ranks=(1, 1.5))], "expected a list of whole numbers in `ranks`"),
    ([row(completions="text")], "expected a list of texts in `completions`"),
    ([row(completions=[GOOD], ranks=[1])], "two or more completions"),
    ([{"prompt": "x", "completions": [GOOD, BAD]}], "'ranks' is missing"),
    ([row(models=["m"])], "expected a model for each completion"),
    ([row(prompt=" ")], "row 1: empty prompt"),
    ([row(language="xx")], "row 1: unknown language 'xx'"),
    ([row(), row()], r"row 2: a ranked this item already in .*row 1"),
    ([row(annotator=None), row(annotator=None)], "an annotator without a name ranked this item"),
    ([row(), row(annotator="b", completions=[BAD, GOOD])], "expected the same completions in the"),
    ([row(), row(annotator="b", ranks=(2, 1))], "ranked apart, came none in 1 items"),
    ([], "expected rankings, came no row"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "why"), BAD_ROWS)
def test_what_is_no_ranking_is_one_line_with_its_place(tmp_path, rows, why):
    files = written(tmp_path / "r.jsonl", rows)
    with pytest.raises(ValueError, match=why) as error:
        import_rankings(files, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_verb(tmp_path, capsys):
    files = written(tmp_path / "r.jsonl", [row(), row(annotator="b")])
    with pytest.raises(SystemExit) as ended:
        main(["import-rankings", *files, "--out", str(tmp_path / "out")])
    assert not ended.value.code
    assert "1.000" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["import-rankings", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "other")])
    assert ended.value.code == 2
    assert not (tmp_path / "other").exists()
