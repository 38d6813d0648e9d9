"""An exported data set: each configuration loads, nothing is lost, the card says what is in it."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from isoglot.commands.main import main
from isoglot.core.records import Demonstration, Dropped, Preference, content_id
from isoglot.core.store import DROPPED, shard_path, write_done, write_json, write_shard
from isoglot.report.export.dataset import export_dataset
from isoglot.rewards.pair_sets import pair_set

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
    assert get_dataset_config_names(str(out)) == ["default", "en", "nb", "sw", "zh-Hans"]
    whole = load_dataset(str(out), cache_dir=tmp_path / "cache")
    assert {split: len(rows) for split, rows in whole.items()} == {"train": 9, "test": 4}
    assert not set(whole["train"]["family"]) & set(whole["test"]["family"]), "families stay whole"
    found = []
    for tag in ("en", "nb", "sw", "zh-Hans"):
        rows = load_dataset(str(out), tag, split="train+test", cache_dir=tmp_path / "cache")
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
    configs = [each["config_name"] for each in told["configs"]]
    assert configs == ["default", "en", "nb", "sw", "zh-Hans"]
    assert [each.get("default") for each in told["configs"]] == [True, None, None, None, None]
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
    with pytest.raises(ValueError, match="is another file than the one that was written there"):
        export_dataset(copy, "messages", tmp_path / "new", licence="mit")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "set"]


def test_preferences_go_by_the_language_of_the_answer(finished_run, tmp_path) -> None:
    from datasets import load_dataset

    export_dataset(finished_run, "preferences", tmp_path / "set", licence="mit", round=0)
    kept = json.loads((finished_run / "round-0/filter/done.json").read_text())["counts"]["kept"]
    tags = sorted(path.parent.name for path in (tmp_path / "set").glob("*/train.parquet"))
    sets = [load_dataset(str(tmp_path / "set"), tag, split="train+test") for tag in tags]
    assert sum(map(len, sets)) == kept
    assert {"prompt", "chosen", "rejected"} <= set(sets[0].column_names)


def preference_run(run: Path) -> Path:
    """A run of two rounds with pairs, of which one side is a machine translation."""
    write_json(run / "run.json", {"recipe": {"name": "lidr", "languages": ["en", "sw"]}})
    for round in range(2):
        pairs = [
            replace(
                Preference.of_texts(
                    ({"role": "system", "content": "Be brief."}, *asked(f"{round} {place}")),
                    f"Ndiyo {place}",
                    f"Hapana {place}",
                    family=f"{round}-{place}",
                    prompt_id=f"{round}-{place}",
                    language="sw",
                    answer_language="sw",
                    pair_type="dominant_translated",
                ),
                chosen_model="policy@1",
                round=round,
                chosen_thought="Fikra" if round else None,
            )
            for place in range(30)
        ]
        stage = run / f"round-{round}/filter"
        write_shard(shard_path(stage, 0), pairs, Preference)
        write_done(stage, {"fingerprint": "f", "counts": {}, "seconds": 1})
    return run


def asked(text: str) -> tuple[dict[str, str], ...]:
    return ({"role": "user", "content": text},)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    run = preference_run(folder / "run")
    tools = ("llama-factory", "axolotl", "openrlhf")
    return export_dataset(run, "preferences", folder / "set", licence="mit", tools=tools)


def test_all_rounds_are_in_one_set_with_a_test_split(pairs, tmp_path) -> None:
    from datasets import load_dataset

    rows = load_dataset(str(pairs), cache_dir=tmp_path)
    assert {split: len(part) for split, part in rows.items()} == {"train": 57, "test": 3}
    assert set(rows["train"]["round"]) == {0, 1}


def test_the_card_says_which_answers_are_machine_translations(pairs) -> None:
    card = (pairs / "README.md").read_text(encoding="utf-8")
    assert "policy@1, machine translation by itself 100.0 %" in card
    assert "In the 60 pairs of type `dominant_translated`, the chosen answer is a machine" in card
    assert "rounds 0, 1" in card
    assert "30 rows have the thought of a reasoning model before an answer, in `chosen_th" in card
    (train,) = pairs.glob("*/train.parquet")
    assert set(pq.read_table(train)["chosen_thought"].to_pylist()) == {"Fikra", None}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_llama_factory_reads_pairs_as_its_ranking_sets(pairs) -> None:
    """The rules of its sharegpt converter: turns alternate, each side is one message."""
    told = json.loads((pairs / "llama-factory/dataset_info.json").read_text())["isoglot"]
    assert (told["formatting"], told["ranking"]) == ("sharegpt", True)
    tags, columns = told["tags"], told["columns"]
    rows = lines(pairs / "llama-factory" / told["file_name"])
    assert len(rows) == 57
    for row in rows:
        turns = row[columns["messages"]]
        turns = turns[1:] if turns[0][tags["role_tag"]] == tags["system_tag"] else turns
        assert len(turns) % 2 == 1, "the last turn is the user's"
        assert turns[-1][tags["role_tag"]] == tags["user_tag"]
        for side in ("chosen", "rejected"):
            assert row[columns[side]][tags["role_tag"]] == tags["assistant_tag"]
            assert isinstance(row[columns[side]][tags["content_tag"]], str)


def test_axolotl_reads_pairs_as_its_chat_template_sets(pairs) -> None:
    told = YAML(typ="safe").load((pairs / "axolotl/datasets.yml").read_text())
    assert told["rl"] == "dpo"
    for section, num in (("datasets", 57), ("test_datasets", 3)):
        (part,) = told[section]
        assert part["type"] == "chat_template.default"
        rows = lines(pairs / "axolotl" / part["path"])
        assert len(rows) == num
        for row in rows:
            assert row[part["field_messages"]][-1]["role"] == "user"
            assert {row[part[f"field_{side}"]]["role"] for side in ("chosen", "rejected")} == {
                "assistant"
            }


def test_openrlhf_reads_pairs_as_lists_of_messages(pairs) -> None:
    """Its reward_dataset renders `prompt + chosen` by the chat template, less the prompt."""
    arguments = (pairs / "openrlhf/arguments.txt").read_text().split()
    keys = {arguments[i][2:]: arguments[i + 1] for i in range(0, len(arguments) - 1, 2)}
    row = lines(pairs / "openrlhf" / keys["dataset"])[0]
    whole = row[keys["prompt_key"]] + row[keys["chosen_key"]]
    assert [turn["role"] for turn in whole] == ["system", "user", "assistant"]
    assert "--apply_chat_template" in arguments


def test_messages_for_other_trainers_are_their_chat_rows(run, tmp_path) -> None:
    tools = ("llama-factory", "axolotl", "openrlhf")
    out = export_dataset(run, "messages", tmp_path / "set", licence="mit", tools=tools)
    for tool in tools:
        assert len(lines(out / tool / "train.jsonl")) == 9
        assert lines(out / tool / "test.jsonl")[0]["messages"][-1]["role"] == "assistant"
    assert (
        "ranking" not in json.loads((out / tools[0] / "dataset_info.json").read_text())["isoglot"]
    )


def test_rewards_read_an_exported_set(pairs, tmp_path) -> None:
    found = pair_set(str(pairs), None, tmp_path / "copied")
    assert (found.num_pairs, found.languages) == (60, {"sw"})
