"""An exported data set: each configuration loads, nothing is lost, the card says what is in it."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from isoglot.commands.main import main
from isoglot.core.records import Demonstration, Dropped, content_id
from isoglot.core.store import DROPPED, shard_path, write_done, write_json, write_shard
from isoglot.report.export.dataset import export_dataset

EVIL = "evil|model\n# <script>alert(1)</script> [x](javascript:1)"
SOURCE = "alpaca_<b>.jsonl"


def demonstration(tag: str, place: int, model: str = "small@1") -> Demonstration:
    turns = (
        {"role": "user", "content": f"Q{place} --- | `?"},
        {"role": "assistant", "content": f"A{place} {tag}\n"},
    )
    return Demonstration(turns, str(place), content_id(tag, str(place)), tag, tag, model, SOURCE)


ROWS = [
    *(demonstration(tag, place) for place in range(3) for tag in ("en", "nb", "sw", "zh-Hans")),
    demonstration("sw", 9, EVIL),
]


def dropped(tag: str, reason: str) -> Dropped:
    return Dropped("9", "9", tag, "demonstration", reason, "text", "0.9 of x")


def written_run(run: Path) -> Path:
    """A run of two rounds, whose first one has demonstrations in two shards."""
    recipe = {"name": "rec|ipe", "seed": 7, "languages": ["en", "nb", "sw", "zh-Hans", "de"],
              "clean": {"max_similarity": 0.8, "max_overlap": 0.8}}  # fmt: skip
    write_json(run / "run.json", {"recipe": recipe, "versions": {"isoglot": "0.1.0"}})
    route, clean = run / "round-0/route", run / "round-0/clean"
    for index, rows in enumerate((ROWS[:5], ROWS[5:])):
        write_shard(shard_path(clean, index), rows, Demonstration)
        write_shard(shard_path(route, index), rows, Demonstration)
    write_shard(shard_path(clean / DROPPED, 0), [dropped("de", "contaminated")], Dropped)
    write_shard(shard_path(route / DROPPED, 0), [dropped("de", "no_route")] * 2, Dropped)
    way = {"language": "sw", "way": EVIL, "num_answers": 4, "num_references": 0,
           "num_identified": 4, "usable": 0.75, "chrf": None, "off_target_rate": 0.25,
           "artefact_rate": None, "failed_rate": 0.0, "reward": None, "quality": 0.75,
           "is_chosen": True, "why": "best"}  # fmt: skip
    write_json(route / "routes.json", {"num_families": 4, "ways": [way], "without": {}})
    overlap = {"task": "xcopa", "language": "sw", "rows": 4, "contaminated": 1, "rate": 0.25,
               "items": 20, "found_items": 1, "unknown_items": 5}  # fmt: skip
    write_json(clean / "drops.json", {"drops": {}, "contamination": [overlap]})
    for stage in (route, clean):
        write_done(stage, {"fingerprint": "f", "counts": {}, "seconds": 1})
    (run / "round-1").mkdir()
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return written_run(tmp_path_factory.mktemp("exported") / "run")


def test_each_language_is_a_configuration_that_trl_takes(run, tmp_path) -> None:
    from datasets import get_dataset_config_names, load_dataset
    from trl import is_conversational

    out = export_dataset(run, "messages", tmp_path / "deep" / "set", licence="cc-by-4.0")
    assert get_dataset_config_names(str(out)) == ["en", "nb", "sw", "zh-Hans"]
    found = []
    for tag in ("en", "nb", "sw", "zh-Hans"):
        rows = load_dataset(str(out), tag, split="train", cache_dir=tmp_path / "cache")
        assert rows.column_names == list(Demonstration.__dataclass_fields__)
        assert is_conversational(rows[0])
        assert set(rows["answer_language"]) == {tag}
        found += [row | {"messages": tuple(row["messages"])} for row in rows]
    wanted = [{name: getattr(row, name) for name in row.__slots__} for row in ROWS]
    key = lambda row: (row["language"], row["family"])  # noqa: E731
    assert sorted(found, key=key) == sorted(wanted, key=key)


def test_the_card_counts_names_and_escapes(run, tmp_path) -> None:
    out = export_dataset(run, "messages", tmp_path / "set", licence="cc-by-4.0")
    card = (out / "README.md").read_text(encoding="utf-8")
    _, front, text = card.split("---\n", 2)
    told = YAML(typ="safe").load(front)
    assert told["license"] == "cc-by-4.0"
    assert told["language"] == ["en", "nb", "sw", "zh"]
    assert told["size_categories"] == ["n<1K"]
    assert [each["config_name"] for each in told["configs"]] == ["en", "nb", "sw", "zh-Hans"]
    assert "13 rows in 4 languages" in text
    assert "| `sw` | Swahili | Kiswahili | " in text
    assert "small@1 75.0 %" in text
    assert "| Language | contaminated | no route |" in text
    assert "| all | 1 | 2 |" in text
    assert "| xcopa | Swahili | 4 | 1 | 25.0 % | 20 | 1 | 5 |" in text
    assert "No row is left in: German." in text
    assert "seed 7, round 0, stage `clean`" in text
    assert not re.search(r"(?<!\\)(<|\[x)", text)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    columns = Counter(line.replace("\\|", "").count("|") for line in lines if "script" in line)
    heads = {
        line.count("|") for line in lines if line.startswith(("|  | Language", "| Language |"))
    }
    assert set(columns) <= heads


def test_the_same_run_gives_the_same_bytes(run, tmp_path) -> None:
    first, second = (
        export_dataset(run, "messages", tmp_path / name, licence="mit") for name in "ab"
    )
    for path in sorted(first.rglob("*.*")):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_an_unknown_licence_is_said_plainly(run, tmp_path) -> None:
    out = export_dataset(run, "messages", tmp_path / "set", licence="unknown")
    assert "not stated: do not publish" in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as", "messages"], "expected --licence"),
        (["--as", "messages", "--licence", "My Own: x"], "expected --licence"),
        (["--as", "messages", "--licence", "mit", "--round", "1"], "no finished demonstrations in"),
        (["--as", "preferences", "--licence", "mit"], "no finished preferences"),
        (["--as", "csv", "--licence", "mit"], "go with --as messages"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(run, tmp_path, capsys, arguments, words) -> None:
    out = tmp_path / "set"
    with pytest.raises(SystemExit) as stop:
        main(["export", str(run), str(out), *arguments])
    error = capsys.readouterr().err
    assert (stop.value.code, error.count("\n")) == (2, 1)
    assert words in error
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_or_half(run, tmp_path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="there already"):
        export_dataset(run, "messages", tmp_path / "set", licence="mit")
    copy = written_run(tmp_path / "run")
    shard_path(copy / "round-0/clean", 1).write_bytes(b"PAR1 no more")
    with pytest.raises(ValueError, match="cannot read"):
        export_dataset(copy, "messages", tmp_path / "new", licence="mit")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "set"]


def test_preferences_go_by_the_language_of_the_answer(finished_run, tmp_path) -> None:
    from datasets import load_dataset

    export_dataset(finished_run, "preferences", tmp_path / "set", licence="mit", round=0)
    kept = json.loads((finished_run / "round-0/filter/done.json").read_text())["counts"]["kept"]
    tags = sorted(path.parent.name for path in (tmp_path / "set").glob("*/train.parquet"))
    sets = [load_dataset(str(tmp_path / "set"), tag, split="train") for tag in tags]
    assert sum(map(len, sets)) == kept
    assert {"prompt", "chosen", "rejected"} <= set(sets[0].column_names)
