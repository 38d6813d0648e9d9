"""Reading prompts from files, and choosing whole families."""

import gzip
import json
import random
import unicodedata
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import is_whole, published

from isoglot.core.own_rows import RowTally
from isoglot.core.records import Prompt, content_id
from isoglot.core.row_sources import FileRowsConfig, ListRowsConfig, source_revision
from isoglot.data.prompts import read_prompts, select_families

ROWS = [
    {"i": 0, "lang": "en", "task": "mono", "question": "What is 2 + 2?", "answer": 4},
    {"i": 0, "lang": "zh", "task": "mono", "question": "2 + 2 等于几?", "answer": 4},
    {"i": 1, "lang": "en", "task": "cross", "question": "Name a river.", "answer": None},
]
COLUMNS = {"prompt": "question", "language": "lang", "gold": "answer"}


def written(path, rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return str(path)


def config_of(path, **keys):
    return FileRowsConfig(**{"path": path, "columns": COLUMNS, "family": ["i"], **keys})


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.parquet"])
def test_every_format_reads_the_same(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        written(path, ROWS)
    prompts = read_prompts(config_of(str(path)))
    assert [p.language for p in prompts] == ["en", "zh-Hans", "en"]
    assert [p.gold for p in prompts] == ["4", "4", None]
    assert prompts[0].family == prompts[1].family == content_id("0") != prompts[2].family
    assert prompts[0].prompt_id == Prompt.from_text("What is 2 + 2?", language="en").prompt_id
    assert prompts[0].text == "What is 2 + 2?"


def test_id_columns_give_the_ids_that_a_file_of_completions_joins_on(tmp_path):
    path = written(tmp_path / "p.jsonl", ROWS)
    prompts = read_prompts(config_of(path, id=["task", "lang", "i"]))
    assert prompts[1].prompt_id == content_id("mono", "zh", "0")


def test_where_keeps_the_named_values(tmp_path):
    path = written(tmp_path / "p.jsonl", ROWS)
    assert [p.text for p in read_prompts(config_of(path, where={"task": ["cross"]}))] == [
        "Name a river."
    ]
    assert len(read_prompts(config_of(path, where={"i": [0]}))) == 2


def test_a_constant_language_and_a_column_for_the_answer(tmp_path):
    path = written(tmp_path / "p.jsonl", [{"prompt": "Reply in Swahili.", "to": "sw"}])
    config = FileRowsConfig(path=path, language="en", columns={"answer_language": "to"})
    (prompt,) = read_prompts(config)
    assert (prompt.language, prompt.answer_language) == ("en", "sw")


def test_a_conversation_is_taken_as_it_is(tmp_path):
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    path = written(tmp_path / "p.jsonl", [{"prompt": turns}])
    (prompt,) = read_prompts(FileRowsConfig(path=path, language="en"))
    assert list(prompt.prompt) == turns


def test_globs_join_files_and_repeated_rows_are_read_once(tmp_path):
    written(tmp_path / "b.jsonl", ROWS)
    written(tmp_path / "a.jsonl", ROWS[:1])
    prompts = read_prompts(config_of(str(tmp_path / "*.jsonl")))
    assert len(prompts) == 3
    assert prompts[0].source == "a.jsonl"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lang": "xx-none"}, "row 1.*unknown language 'xx-none'"),
        ({"question": "  "}, "row 1: empty prompt"),
        ({"question": None}, "row 1: expected text"),
        ({"question": [{"role": "user"}]}, "row 1: expected text"),
    ],
)
def test_a_bad_row_is_named_with_its_place(tmp_path, change, message):
    path = written(tmp_path / "p.jsonl", [ROWS[0] | change])
    with pytest.raises(ValueError, match=message) as caught:
        read_prompts(config_of(path))
    assert "\n" not in str(caught.value)


def test_a_missing_column_lists_those_that_came(tmp_path):
    path = written(tmp_path / "p.jsonl", [{"text": "Hi", "lang": "en", "i": 0}])
    with pytest.raises(ValueError, match="expected a column 'question', came text, lang, i"):
        read_prompts(config_of(path, columns=COLUMNS | {"gold": None}))


def test_two_contents_with_one_id_are_refused(tmp_path):
    path = written(tmp_path / "p.jsonl", [ROWS[0], ROWS[0] | {"answer": 5}])
    with pytest.raises(ValueError, match="row 2: expected one row for each prompt"):
        read_prompts(config_of(path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.jsonl", b'{"question": "half'),
        ("p.jsonl", b"\xff\xfe"),
        ("p.jsonl", b"[1, 2]\n"),
        ("p.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 999, mtime=0)[:-12]),
        ("p.parquet", b"PAR1 not really"),
        ("p.csv", b"a,b"),
    ],
)
def test_an_unreadable_file_is_one_clear_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path}(, row 1)?: expected") as caught:
        read_prompts(
            config_of(str(path), columns={"prompt": "a", "language": "a"}, where={"a": [0]})
        )
    assert "\n" not in str(caught.value)


def test_no_file_and_no_row_are_errors(tmp_path):
    with pytest.raises(ValueError, match="came nothing"):
        read_prompts(config_of(str(tmp_path / "none*.jsonl")))
    path = written(tmp_path / "p.jsonl", ROWS)
    with pytest.raises(ValueError, match="check `where`"):
        read_prompts(config_of(path, where={"task": ["other"]}))


def test_the_language_is_given_at_most_once(tmp_path):
    with pytest.raises(ValueError, match="expected `language`"):
        config_of("p.jsonl", language="en")
    with pytest.raises(ValueError, match=r"the language by \{language\} in `path`"):
        config_of("{language}.jsonl")
    path = written(tmp_path / "p.jsonl", [{"question": "Hi"}])
    with pytest.raises(ValueError, match=r"row 1: expected a column `language`, came q.*; add"):
        read_prompts(config_of(path, columns={"prompt": "question"}, family=[]))


def test_the_name_of_a_file_is_the_language_of_its_rows(tmp_path):
    for name in ("en", "sw", "zho"):
        (tmp_path / name[0]).mkdir()
        written(tmp_path / name[0] / f"{name}.jsonl", [{"id": 1, "instruction": f"in {name}"}])
    path = str(tmp_path / "*/{language}.jsonl")
    prompts = read_prompts(FileRowsConfig(path=path, family=["id"]))
    assert {p.language: p.text for p in prompts} == {
        "en": "in en", "sw": "in sw", "zh-Hans": "in zho",
    }  # fmt: skip
    assert len({p.family for p in prompts}) == 1
    written(tmp_path / "e" / "notes.jsonl", [{"id": 1, "instruction": "x"}])
    with pytest.raises(ValueError, match=r"notes.jsonl, row 1: unknown language 'notes'"):
        read_prompts(FileRowsConfig(path=path))


def test_missing_files_say_how_to_get_them(tmp_path):
    config = FileRowsConfig(path=f"{tmp_path}/none.jsonl", how_to_get="git clone the set")
    with pytest.raises(ValueError, match=r"none.jsonl, came none; git clone the set$"):
        read_prompts(config)


def test_a_list_is_a_source_like_a_file(tmp_path):
    rows = [{"prompt": "Hi", "language": "en"}, {"prompt": "Hujambo", "language": "sw"}]
    listed = ListRowsConfig(kind="list", rows=rows)
    filed = read_prompts(FileRowsConfig(path=written(tmp_path / "p.jsonl", rows)))
    assert [replace(p, source="") for p in read_prompts(listed)] == [
        replace(p, source="") for p in filed
    ]
    texts = ListRowsConfig(kind="list", rows=["Hi", "Bye"], language="en")
    assert [p.text for p in read_prompts(texts)] == ["Hi", "Bye"]
    assert source_revision(listed) != source_revision(texts)
    with pytest.raises(ValueError, match=r"a list of 1 rows, row 1: empty prompt"):
        read_prompts(ListRowsConfig(kind="list", rows=[" "], language="en"))


def test_refused_rows_are_left_out_and_counted_where_that_is_wanted(tmp_path):
    rows = [{"prompt": "Hi"}, {"prompt": ""}, {"prompt": 7}, {"prompt": " "}]
    path = written(tmp_path / "p.jsonl", rows)
    with pytest.raises(ValueError, match=r"row 2: empty prompt"):
        read_prompts(FileRowsConfig(path=path, language="en"))
    tally = RowTally()
    config = FileRowsConfig(path=path, language="en", skip_refused=True)
    assert [p.text for p in read_prompts(config, tally)] == ["Hi"]
    assert (tally.num_rows, tally.refused) == (
        4,
        {"empty prompt": 2, "neither text nor turns": 1},
    )
    assert tally.first_refused["empty prompt"].startswith(f"{path}, row 2: empty prompt")


def families(num, languages=("en", "de", "sw")):
    return [
        Prompt.from_text(f"{tag} {i}", language=tag, family=f"f{i}")
        for i in range(num)
        for tag in languages
    ]


@given(st.randoms(use_true_random=False), st.integers(0, 5), st.integers(1, 5))
def test_selection_takes_whole_families_in_any_order_of_rows(rng: random.Random, skip, num):
    rows = families(10)
    ask = {"languages": ["sw", "en"], "num_families": num, "seed": 3, "skip": skip}
    chosen = select_families(rows, **ask)
    rng.shuffle(rows)
    assert select_families(rows, **ask) == chosen
    assert [p.language for p in chosen] == ["sw", "en"] * num
    assert len({p.family for p in chosen}) == num


def test_rounds_take_fresh_families_and_seeds_differ():
    def taken(**keys):
        rows = select_families(families(12), languages=["en"], num_families=6, **keys)
        return {row.family for row in rows}

    assert taken(seed=1) | taken(seed=1, skip=6) == {f"f{i}" for i in range(12)}
    assert taken(seed=1) != taken(seed=2)


def test_too_few_families_and_a_missing_parallel_are_named():
    with pytest.raises(ValueError, match=r"at least 5 families in en \(3 were taken.*came 4"):
        select_families(families(4), languages=["en"], num_families=2, seed=0, skip=3)
    gap = [p for p in families(4) if (p.family, p.language) != ("f2", "sw")]
    with pytest.raises(ValueError, match=r"family f2 .* has no prompt in 'sw'"):
        select_families(gap, languages=["en", "sw"], num_families=1, seed=0)
    loose = select_families(gap, languages=["en", "sw"], num_families=4, seed=0, parallel=False)
    assert len(loose) == 7


INSTRUCTIONS = [
    {"instruction": "Name a river.", "input": "", "output": "The Nile."},
    {"instruction": "Add.", "input": "2 and 3", "output": " 5 "},
    {"instruction": "Say nothing.", "input": None, "output": ""},
    {"instruction": "Add.", "input": "2 and 3", "output": "five"},
]
ALPACA = {"prompt": "instruction", "input": "input", "completion": "output"}


def instructions(tmp_path, rows, columns=ALPACA):
    path = written(tmp_path / "i.jsonl", rows)
    return read_prompts(FileRowsConfig(path=path, columns=columns, language="en"))


def test_instructions_with_input_and_output(tmp_path):
    first, second, third = instructions(tmp_path, INSTRUCTIONS)
    assert (first.text, first.completion, first.gold) == ("Name a river.", "The Nile.", None)
    assert (second.text, second.completion) == ("Add.\n\n2 and 3", "5"), "the first of two"
    assert (third.text, third.completion) == ("Say nothing.", None), "an empty answer is none"
    plain = instructions(tmp_path, INSTRUCTIONS, {"prompt": "instruction"})
    assert plain[0].prompt_id == first.prompt_id, "the answer is no part of the id"


def test_conversations_end_with_the_answer(tmp_path):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "So."},
    ]
    rows = [{"messages": turns}, {"messages": turns[:4]}]
    (both,) = instructions(tmp_path, rows, {"messages": "messages"})
    assert (both.prompt, both.completion) == (tuple(turns[:4]), "So.")
    (asked,) = instructions(tmp_path, rows[1:], {"messages": "messages"})
    assert (asked.prompt, asked.completion) == (tuple(turns[:4]), None)


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ([{"instruction": "a"}], ALPACA, "i.jsonl, row 1: expected a column 'input', came instru"),
        ([*INSTRUCTIONS, {"instruction": "a", "input": ""}], ALPACA, "row 5: .* column 'output'"),
        (
            [{"instruction": "a", "input": "", "output": ["b"]}],
            ALPACA,
            r"row 1: .*column 'output'",
        ),
        ([{"instruction": None, "input": "", "output": "b"}], ALPACA, "row 1: .*text or a list"),
        ([{"instruction": " ", "input": "", "output": "b"}], ALPACA, "row 1: empty prompt"),
        ([{"a": [{"b": "x"}]}], {"prompt": "a.1.b"}, "row 1: expected a column 'a.1.b', came a"),
        (
            [{"messages": [{"role": "assistant", "content": "b"}]}],
            {"messages": "messages"},
            "row 1: empty prompt",
        ),
        ([{"messages": "x"}], {"messages": "m"}, "row 1: expected a column 'm', came messages"),
    ],
)
def test_an_instruction_set_with_missing_fields_is_one_line(tmp_path, rows, columns, words):
    with pytest.raises(ValueError, match=words) as refused:
        instructions(tmp_path, rows, columns)
    assert "\n" not in str(refused.value)


def test_a_conversation_and_its_parts_are_not_both_named():
    with pytest.raises(ValueError, match=r"came both \(`completion`\)"):
        FileRowsConfig(path="x", language="en", columns={"messages": "m", "completion": "output"})


@pytest.mark.parametrize(
    ("name", "num"), [("user_oriented_instructions", 127), ("seed_tasks", 175)]
)
def test_real_instructions_with_their_inputs(name, num):
    nested = {
        "prompt": "instruction",
        "input": "instances.0.input",
        "completion": "instances.0.output",
    }
    path = published(f"self_instruct/{name}.jsonl.gz")
    rows = read_prompts(FileRowsConfig(path=str(path), language="en", columns=nested))
    assert len(rows) == (num if is_whole(path) else 20)
    assert all(row.completion for row in rows)
    assert sum("\n\n" in row.text for row in rows) > len(rows) / 3


def test_real_instructions_with_answers_of_a_model():
    path = str(published("alpagasus_x11/llama3_8b_en_outputs_with_fr_translation.jsonl.gz"))
    columns = {"prompt": "instruction", "completion": "response"}
    rows = read_prompts(FileRowsConfig(path=path, language="en", columns=columns))
    assert len(rows) == 754
    assert all(row.completion for row in rows)


def test_a_prompt_in_two_unicode_forms_is_one_prompt(tmp_path):
    path = tmp_path / "p.jsonl"
    text = "M\u00e8o ng\u1ee7 \u1edf \u0111\u00e2u?"
    twins = [*(unicodedata.normalize(form, text) for form in ("NFC", "NFD")), f"\uff2d{text[1:]}"]
    rows = [{"prompt": twin} for twin in twins]
    path.write_text("\n".join(map(json.dumps, rows)))
    (prompt,) = read_prompts(FileRowsConfig(path=str(path), language="vi"))
    assert prompt.text == text
    assert {Prompt.from_text(twin, language="vi").prompt_id for twin in twins} == {prompt.prompt_id}
