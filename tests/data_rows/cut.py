"""Cut the rows in this folder out of the whole data sets, which README.md names.

    PYTHONPATH=src python tests/data_rows/cut.py ../shared/data

Whole families are taken in the order of the files: an item in all its languages, a table with all
its sentences, a question with all its answers.
"""

import gzip
import json
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

HERE = Path(__file__).parent
DATA = Path(sys.argv[1])


def read(name: str) -> list[dict]:
    raw = (DATA / name).read_bytes()
    text = gzip.decompress(raw) if name.endswith(".gz") else raw
    return [json.loads(line) for line in text.decode("utf-8").split("\n") if line]


def write(name: str, rows: Iterable[dict]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_bytes(name, lines.encode("utf-8"))


def write_bytes(name: str, content: bytes) -> None:
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # No time and no name in the header: the same rows are the same bytes.
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)


def cut(name: str, family: Callable[[dict], object], families: Collection[object]) -> None:
    """Keep the rows of these families."""
    write(name, [row for row in read(name) if family(row) in families])


def cut_first(name: str, num: int) -> None:
    """Keep the first rows of a file that has no families."""
    write(name, read(name)[:num])


def cut_first_of_each(name: str, num: int) -> None:
    """Keep the first rows in each language of a file that has no families."""
    rows_of: dict[str, list[dict]] = {}
    for row in read(name):
        rows_of.setdefault(row["lang"], []).append(row)
    write(name, [row for rows in rows_of.values() for row in rows[:num]])


def cut_table(name: str, column: str, values: Collection[str]) -> None:
    """Keep the header of a table and the rows with these values."""
    header, *lines = gzip.decompress((DATA / name).read_bytes()).decode("utf-8").splitlines()
    place = header.split("\t").index(column)
    kept = [line for line in lines if line.split("\t")[place] in values]
    write_bytes(name, "\n".join([header, *kept, ""]).encode("utf-8"))


def without_latin(name: str, column: str, codes: Collection[str], num: int) -> list[object]:
    """Return the first items that have neither Latin letters nor digits in these languages."""
    texts: dict[object, dict[str, str]] = {}
    for row in read(name):
        texts.setdefault(row[column], {})[row["lang"]] = row["text"]
    bare = [
        key
        for key, by_language in sorted(texts.items())
        if all(not any(c.isascii() and c.isalnum() for c in by_language[code]) for code in codes)
    ]
    return bare[:num]


def main() -> None:
    cut("mgsm/mgsm.jsonl.gz", lambda row: row["i"], [0, 2])
    problems = sorted({row["i"] for row in read("msvamp/msvamp.jsonl.gz")})
    cut("msvamp/msvamp.jsonl.gz", lambda row: row["i"], problems[:2])
    questions = [("val", 0), ("test", 0), ("test", 3)]
    cut("xcopa/xcopa.jsonl.gz", lambda row: (row["split"], row["idx"]), questions)
    cut_first_of_each("xwinograd/xwinograd.jsonl.gz", 4)
    bare_in = ("amh", "arb", "khm", "tha", "zho-CN", "bod")
    lines = without_latin("ntrex/ntrex.jsonl.gz", "line", bare_in, 2)
    cut("ntrex/ntrex.jsonl.gz", lambda row: row["line"], lines)
    sentences = without_latin("sib200/sib200_dev.jsonl.gz", "index_id", ("arb_Arab",), 1)
    cut("sib200/sib200_dev.jsonl.gz", lambda row: row["index_id"], sentences)
    write(
        "lcb/prompts.jsonl.gz",
        [
            row
            for row in read("lcb/prompts.jsonl.gz")
            if (row["source"], row["i"]) == ("complex_prompts", 1)
            or (row["source"] in ("aya", "dolly", "native") and row["i"] < 2)
        ],
    )
    words = gzip.decompress((DATA / "lcb/english_words.txt.gz").read_bytes()).decode("utf-8")
    some = sorted([*words.split("\n")[::6000], "sentence"])
    write_bytes("lcb/english_words.txt.gz", "\n".join([*some, ""]).encode("utf-8"))
    cut_first("self_instruct/user_oriented_instructions.jsonl.gz", 20)
    cut_mt_bench()
    cut_first("llmbar/items.jsonl.gz", 20)
    cut_first("pandalm/testset.jsonl.gz", 20)
    cut_first("ja_vicuna/judgments.gpt-4_pair.jsonl.gz", 20)
    for tag in ("en", "zh"):
        cut_first(f"preference_demo/dpo_{tag}_demo.jsonl.gz", 10)
    tables = [table_of(row) for row in read("tata/inputs.jsonl.gz")]
    for name in ("inputs", "human_ratings"):
        cut(f"tata/{name}.jsonl.gz", table_of, tables[:1])

    write(
        "alpacaeval_annotations/weighted_alpaca_eval_gpt4_turbo.jsonl.gz",
        [
            row
            for row in read("alpacaeval_annotations/weighted_alpaca_eval_gpt4_turbo.jsonl.gz")
            if row["model"] in ("gpt4_1106_preview", "claude-2") and row["index"] < 10
        ],
    )
    tags = ("ar", "bn", "de", "en", "es", "fr", "ha", "hi", "ja", "ko")
    tags += ("pt", "qu", "ru", "sw", "ta", "th", "tr", "vi", "yo", "zh")
    cut_table("lang_metadata/linguameta.tsv.gz", "bcp_47_code", tags)
    cut_table("lang_metadata/language_metadata.tsv.gz", "BCP-47 code", tags)


def table_of(row: dict) -> str:
    return row["id"].replace(f"-{row['lang']}-", "-")


def cut_mt_bench() -> None:
    """Keep four questions in each language, and the verdicts on the Japanese ones."""
    kept: list[str] = []
    for code in ("de", "en", "es", "fr", "ja"):
        questions = read(f"mt_bench_x/question.{code}.jsonl")
        ids = lambda row: int(str(row["question_id"]).partition("_")[0])  # noqa: E731
        chosen = [
            row
            for row in questions
            if row["category"] in ("writing", "reasoning") and (ids(row) - 1) % 10 < 2
        ]
        write(f"mt_bench_x/question.{code}.jsonl", chosen)
        if code == "ja":
            kept = [str(row["question_id"]) for row in chosen]
    cut("mt_bench_x/judgment.gpt-4_single.ja.jsonl.gz", lambda row: row["question_id"], kept)


main()
