"""Thoughts in training: written as the chat template writes them, or left out and told."""

import pytest
from by_hand import demonstration_rows, preference_rows, write_rows

from isoglot.core.errors import InputError
from isoglot.train.examples import first_of_each_form, load_completions, load_preferences
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft
from isoglot.train.template import check_template, end_ids, load_training_tokenizer
from isoglot.train.thoughts import thought_key, write_thoughts

THINKS = (
    "{% for m in messages %}<|{{ m.role }}|>\n"
    "{% if m.role == 'assistant' and m.reasoning_content is string %}"
    "<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
PLAIN = THINKS.replace("m.reasoning_content is string", "false").replace(
    "m.reasoning_content", "enable_thinking"
)
SETTINGS = {
    "per_device_train_batch_size": 3, "max_steps": 1, "logging_steps": 1,
    "use_cpu": True, "bf16": False, "save_strategy": "no",
}  # fmt: skip


def pairs_file(folder, thoughts):
    rows = preference_rows(len(thoughts))
    for row, (chosen, rejected) in zip(rows, thoughts, strict=True):
        row |= {"chosen_thought": chosen, "rejected_thought": rejected}
    return write_rows(folder / "pairs.parquet", rows)


def rendered(model, rows, template, thoughts="trained"):
    policy = Policy(str(model), template=template)
    tokenizer = load_training_tokenizer(policy)
    found = first_of_each_form(write_thoughts(rows, tokenizer, thoughts))
    return [row.parts for row in check_template(tokenizer, end_ids(policy, tokenizer), found)]


def test_both_sides_of_a_pair_are_written_with_their_thoughts(tiny_model, tmp_path):
    thoughts = [("I add.", "So what?"), ("I add.", None), (None, None)]
    rows = load_preferences([pairs_file(tmp_path, thoughts)], tmp_path / "cache")
    both, one, none = sorted(
        rendered(tiny_model, rows, THINKS),
        key=lambda parts: parts["chosen"].count("add"),
        reverse=1,
    )
    assert both["chosen"].startswith("<think>\nI add.\n</think>\n\nQuedan")
    assert both["rejected"].startswith("<think>\nSo what?\n</think>\n\nThere")
    for parts in (one, none):
        for side in ("chosen", "rejected"):
            assert parts[side].startswith("<think>\n\n</think>\n\n"), "of a pair both or none"


def test_rows_without_thoughts_and_of_earlier_versions_stay_as_they_were(tiny_model, tmp_path):
    rows = load_preferences([pairs_file(tmp_path, [(None, None)] * 3)], tmp_path / "cache")
    older = write_rows(tmp_path / "older.parquet", preference_rows(3))
    before = load_preferences([older], tmp_path / "cache")
    assert rendered(tiny_model, rows, THINKS) == rendered(tiny_model, before, THINKS)
    mixed = load_preferences([older, pairs_file(tmp_path, [("I add.",) * 2])], tmp_path / "cache")
    assert set(mixed.column_names) == {"prompt", "chosen", "rejected", "language"}


def test_a_template_without_a_place_leaves_them_out_and_tells(tiny_model, tmp_path, capsys):
    rows = load_preferences([pairs_file(tmp_path, [("I add.", "No.")] * 3)], tmp_path / "cache")
    plain = rendered(tiny_model, rows, PLAIN)
    assert (
        "3 rows have a thought that the chat template has no place for" in capsys.readouterr().err
    )
    assert not [parts for parts in plain if "add" in parts["chosen"]]
    left_out = rendered(tiny_model, rows, THINKS, "left_out")
    assert [parts["chosen"] for parts in left_out] == [parts["chosen"] for parts in plain]
    assert capsys.readouterr().err == ""


def test_a_template_that_loses_a_thought_is_one_line(tiny_model, tmp_path):
    rows = load_preferences([pairs_file(tmp_path, [("I add.", "No.")] * 3)], tmp_path / "cache")
    loses = THINKS.replace("{{ m.reasoning_content }}", "")
    with pytest.raises(InputError, match=r"language en: expected the thought 'I add.' before the"):
        rendered(tiny_model, rows, loses)


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{% if m.reasoning_content is string %}", "reasoning_content"),
        ("{% if 'thinking' in m %}{{ m.thinking }}", "thinking"),
        ("{% if enable_thinking %}<think>{% endif %}{{ m.content }}", None),
        ("{% set thinking_budget = 3 %}", None),
    ],
)
def test_the_key_of_the_thought_is_read_off_the_template(template, key):
    assert thought_key(template) == key


class Tokens:
    num = 0

    def __call__(self, _step, _total, num_tokens=0, phase=""):
        self.num += num_tokens if not phase else 0


def test_thoughts_are_trained_on(tiny_model, tmp_path):
    """The tokens of a step are as many more as the thoughts have."""
    thoughts = ["I add two.", "Naongeza.", "Sumo."]
    rows = [
        {**row, "thought": thought}
        for row, thought in zip(demonstration_rows(3), thoughts, strict=True)
    ]
    file = write_rows(tmp_path / "d.parquet", rows)
    assert "completion_thought" in load_completions([file], tmp_path / "cache").column_names
    policy = Policy(str(tiny_model), template=THINKS)
    num = {}
    for how in ("trained", "left_out"):
        counted = Tokens()
        config = TrainConfig(method="sft", thoughts=how, training=SETTINGS)
        train_sft([file], policy, tmp_path / how, config, seed=0, on_step=counted)
        num[how] = counted.num
    tokenizer = load_training_tokenizer(policy)
    more = [f"<think>\n{thought}\n</think>\n\n" for thought in thoughts]
    added = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in more)
    assert num["trained"] - num["left_out"] == pytest.approx(added, abs=3)
