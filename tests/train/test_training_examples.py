"""Examples, checkpoints, tokenizers, logs and orders, which every training shares."""

import json
import shutil

import pytest
from by_hand import demonstration_rows, preference_rows, write_rows

from isoglot.train.examples import check_rows_in, load_completions, load_preferences, record_type
from isoglot.train.folder import last_checkpoint
from isoglot.train.log import means_by_language
from isoglot.train.order import LengthGrouped
from isoglot.train.policy import Policy
from isoglot.train.template import load_training_tokenizer


def test_last_complete_checkpoint(tmp_path):
    assert last_checkpoint(tmp_path) is None
    for step in (4, 12):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    (tmp_path / "checkpoint-16").mkdir()
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-12")
    assert not (tmp_path / "checkpoint-16").exists()


def test_tokenizer_without_template_or_pad(tiny_model, tmp_path):
    from transformers import AutoTokenizer

    folder = shutil.copytree(tiny_model, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    assert load_training_tokenizer(Policy(str(folder))).pad_token == "<|end|>"
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="chat template"):
        load_training_tokenizer(Policy(str(folder)))


def test_no_preferences(tmp_path):
    with pytest.raises(ValueError, match="expected files of preferences, got none"):
        load_preferences([], tmp_path)


def test_demonstrations_are_prompt_and_completion(tmp_path):
    file = write_rows(tmp_path / "d.parquet", demonstration_rows(3))
    rows = load_completions([file], tmp_path)
    assert rows.column_names == ["language", "prompt", "completion"]
    for row, shown in zip(rows, demonstration_rows(3), strict=True):
        assert row["prompt"] + row["completion"] == shown["messages"]
        assert [turn["role"] for turn in row["completion"]] == ["assistant"]
    assert len(load_completions([file], tmp_path, ["0", "2"])) == 1, "families that are held out"


def test_what_cannot_be_imitated_is_one_line(tmp_path):
    shown = write_rows(tmp_path / "d.parquet", demonstration_rows(3))
    pairs = write_rows(tmp_path / "p.parquet", preference_rows(3))
    other = write_rows(tmp_path / "o.parquet", [{"text": "x"}])
    asked = demonstration_rows(1)
    asked[0]["messages"].reverse()
    cut = write_rows(tmp_path / "c.parquet", asked)
    (tmp_path / "t.parquet").write_text("no Parquet")
    for files, message in (
        ([shown, pairs], "of one kind, got demonstrations in .*d.parquet and preferences in"),
        ([other], "o.parquet: expected demonstrations .*, got the columns text; give"),
        ([tmp_path / "t.parquet"], "t.parquet: expected a Parquet file"),
        ([tmp_path / "nowhere.parquet"], "nowhere.parquet: expected a Parquet file"),
    ):
        with pytest.raises(ValueError, match=message):
            record_type(files)
    with pytest.raises(ValueError, match="got turns of assistant, user; leave"):
        load_completions([cut], tmp_path)
    with pytest.raises(ValueError, match="expected demonstrations or preferences, got none in 0"):
        load_completions([], tmp_path)
    check_rows_in([shown, pairs], ["en", "es", "sw"])
    with pytest.raises(ValueError, match="in every language, got none in yo, de; see"):
        check_rows_in([shown], ["en", "yo", "de"])


def test_means_by_language():
    rows = [("sw", {"x": 1.0}), ("en", {"x": 5.0}), ("sw", {"x": 3.0})]
    assert means_by_language(rows) == {"en": {"x": 5.0, "n": 1}, "sw": {"x": 2.0, "n": 2}}


def test_length_grouped():
    lengths = [(7 * i) % 100 for i in range(402)]
    order = LengthGrouped(lengths, 4, seed=1)
    first = list(order)
    assert sorted(first) == list(range(402))
    assert first == list(order)
    assert max(lengths) in [lengths[i] for i in first[:4]]
    spreads = [
        max(group) - min(group)
        for group in ([lengths[i] for i in first[k : k + 4]] for k in range(0, 400, 4))
    ]
    assert sum(spreads) / len(spreads) < 5
    order.set_epoch(1)
    assert list(order) != first
    assert list(LengthGrouped(lengths, 4, seed=2)) != first


def test_a_folder_with_brackets_is_no_pattern(tmp_path):
    folder = tmp_path / "runs [x]?"
    folder.mkdir()
    write_rows(folder / "part-00000.parquet", preference_rows(2))
    files = [folder / "part-00000.parquet"]
    assert len(load_preferences(files, folder / "cache")) == len(preference_rows(2))
