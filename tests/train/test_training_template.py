"""Chat templates: each form of a row is tried, whatever row it comes in."""

import json
from shutil import copytree

import pytest
from by_hand import demonstration_rows, preference_rows, write_rows
from fixtures.cases import cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import CHAT_TEMPLATE

from isoglot.core.day import VARIABLE
from isoglot.core.errors import InputError
from isoglot.line.own_training import OwnTraining
from isoglot.train.examples import first_of_each_form, load_preferences
from isoglot.train.policy import Policy
from isoglot.train.sft import train_sft
from isoglot.train.template import check_template, check_turns, load_training_tokenizer

REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
LEAVES_OUT = CHAT_TEMPLATE.replace("messages %}", "messages if message.role != 'system' %}")
ALTERNATES = (
    "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% endfor %}"
)
TEMPLATES = {
    "raises on system": REFUSES + CHAT_TEMPLATE,
    "leaves system out": LEAVES_OUT,
    "demands alternation": ALTERNATES + CHAT_TEMPLATE,
}


@pytest.fixture(scope="module")
def tokenizer(tiny_model):
    return load_training_tokenizer(Policy(str(tiny_model)))


def rows_of(forms, tmp_path):
    """Demonstrations as preferences, whose prompts have turns of these roles."""
    rows = preference_rows(len(forms))
    for row, roles in zip(rows, forms, strict=True):
        row["prompt"] = [{"role": role, "content": "How many?"} for role in roles]
        row["language"] = "en"
    return load_preferences([write_rows(tmp_path / "r.parquet", rows)], tmp_path / "cache")


@cases("template_rows")
def test_a_row_that_the_template_refuses_or_cuts_is_named(case, tokenizer, tmp_path):
    forms = [form.split(", ")[:-1] for form in case.input["rows"]]
    tokenizer.chat_template = TEMPLATES[case.input["template"]]
    rows = first_of_each_form(rows_of(forms, tmp_path))
    check_template(tokenizer, [1], rows[:1])
    for check in (
        lambda: check_template(tokenizer, [1], rows),
        lambda: check_turns(tokenizer, rows),
    ):
        with pytest.raises(
            InputError, match=r"^chat template, row 2, language en: expected .*"
        ) as told:
            check()
        assert "\n" not in str(told.value)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.sampled_from(["system", "user", "tool"]), min_size=1, max_size=3)))
def test_each_form_is_tried_once(tmp_path_factory, forms):
    """The first row stands for its language, and every other form has its first row."""
    forms = [["user"], *forms]
    found = first_of_each_form(rows_of(forms, tmp_path_factory.mktemp("rows")))
    roles = [tuple(turn["role"] for turn in row["prompt"]) for row in found]
    assert roles == list(dict.fromkeys(map(tuple, forms)))
    assert [row["row"] for row in found] == [forms.index(list(each)) + 1 for each in roles]


def test_a_turn_is_missed_though_its_text_stands_in_another(tokenizer):
    tokenizer.chat_template = LEAVES_OUT
    (row,) = preference_rows(1)
    row["prompt"].insert(0, {"role": "system", "content": row["prompt"][0]["content"][:8]})
    with pytest.raises(InputError, match="loses the turn of 'system'"):
        check_template(tokenizer, [1], [row])


def test_a_training_that_is_resumed_tomorrow_keeps_its_day(tiny_model, tmp_path, monkeypatch):
    folder, out = copytree(tiny_model, tmp_path / "m"), tmp_path / "out"
    dated = "{{ strftime_now('%d %b %Y') }}" + CHAT_TEMPLATE
    (folder / "chat_template.jinja").write_text(dated)
    settings = {"max_steps": 1, "use_cpu": True, "bf16": False, "lora.r": 2}
    training = OwnTraining.of_settings("sft", settings)
    files = [write_rows(tmp_path / "r.parquet", demonstration_rows(3))]
    run = [files, Policy(str(folder)), out]
    monkeypatch.setenv(VARIABLE, "2026-12-01")
    made = training.run(*run, seed=0)
    assert json.loads((out / "inputs.json").read_text())["day"] == "2026-12-01"
    monkeypatch.setenv(VARIABLE, "2026-12-02")
    assert training.run(*run, seed=0) == made
    with pytest.raises(InputError, match=r"day = '2026-12-01' \(now '2026-12-02'\)"):
        train_sft(*run, training.config, seed=0)
    saved = (out / "policy/chat_template.jinja").read_text()
    assert saved == dated, "the policy writes the date of its use, as the model did"
