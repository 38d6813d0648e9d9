"""Write the prompts of `bench/real/*.yaml` from public sets.

    python bench/real/prompts.py DATA OUT

DATA holds `alpagasus_x11` (AlpaGasus in parallel, of the code of arXiv:2410.08964:
`prompts.jsonl.gz` with `lang`, `i`, `instruction`, and answers of Llama 3 in English and French),
and the published files of `lcb`, `mgsm` and `xcopa`. Writes into OUT

    alpagasus.jsonl.gz       short instructions in en, es, de and ar
    demonstrations.jsonl.gz  instructions in en and fr with short answers of Llama 3
    lcb/                     as many prompts of each task in each of en, es, de and ar
    lcb-whole/ mgsm/ xcopa/  the published files

What is chosen depends on lengths and hashes alone.
"""

import argparse
import gzip
import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "es", "de", "ar")
MAX_CHARS = 160
"""Longest instruction in any language: two processor cores answer it."""
MAX_ANSWER_CHARS = 500
"""Longest demonstration."""
NUM_MONOLINGUAL, NUM_CROSS_LINGUAL = 30, 20
"""Prompts of the Language Confusion Benchmark in each language; English has no cross-lingual."""

Row = dict[str, Any]


def main() -> None:
    """Write both files, and print how many rows they have."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    alpagasus = args.data / "alpagasus_x11"
    instructions = short_families(read(alpagasus / "prompts.jsonl.gz"))
    answers = read(alpagasus / "llama3_8b_en_outputs_with_fr_translation.jsonl.gz")
    shown = demonstrations(read(alpagasus / "prompts.jsonl.gz"), answers)
    confusing = confusion_part(read(args.data / "lcb" / "prompts.jsonl.gz"))
    write(args.out / "alpagasus.jsonl.gz", instructions)
    write(args.out / "demonstrations.jsonl.gz", shown)
    write(args.out / "lcb" / "prompts.jsonl.gz", confusing)
    for name, copy in (("lcb", "lcb-whole"), ("mgsm", "mgsm"), ("xcopa", "xcopa")):
        (args.out / copy).mkdir(exist_ok=True)
        for path in args.data.glob(f"{name}/*.jsonl.gz"):
            if not path.name.startswith("outputs"):
                shutil.copyfile(path, args.out / copy / path.name)
    print(
        f"{len(instructions)} instructions, {len(shown)} demonstrations, {len(confusing)} prompts "
        f"of lcb, in {args.out}"
    )


def short_families(rows: Iterable[Row]) -> list[Row]:
    """Return the instructions that are there and short in every language."""
    families: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row["lang"] in LANGUAGES and len(row["instruction"]) <= MAX_CHARS:
            families[row["i"]][row["lang"]] = row
    whole = [family for family in families.values() if len(family) == len(LANGUAGES)]
    return [family[tag] for family in whole for tag in LANGUAGES]


def demonstrations(rows: Iterable[Row], answers: Iterable[Row]) -> list[Row]:
    """Return instructions in English and French with the answer, where both answers are short."""
    instruction = {(row["lang"], row["i"]): row["instruction"] for row in rows}
    found = []
    for row in answers:
        texts = {"en": row["response"], "fr": row["en2fr_reponse"]}
        if all(0 < len(text.strip()) <= MAX_ANSWER_CHARS for text in texts.values()):
            found += [
                {"lang": tag, "i": row["i"], "instruction": prompt, "response": text}
                for tag, text in texts.items()
                if (prompt := instruction[tag, row["i"]])
            ]
    return found


def confusion_part(rows: Iterable[Row]) -> list[Row]:
    """Return the same number of prompts of a task in each language; cross-lingual ones are the
    same in all."""
    of_task: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["lang"] in LANGUAGES:
            of_task[row["lang"], row["task"]].append(row)
    part: list[Row] = []
    for (tag, task), found in sorted(of_task.items()):
        is_cross = task == "crosslingual"
        key = ("source", "i") if is_cross else ("lang", "source", "i")
        found.sort(key=lambda row: digest(*(str(row[name]) for name in key)))
        num = NUM_CROSS_LINGUAL if is_cross else NUM_MONOLINGUAL
        part += found[: num if tag != "en" else NUM_MONOLINGUAL + NUM_CROSS_LINGUAL]
    return part


def digest(*parts: str) -> str:
    """Hash the parts: an order that depends on nothing else."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read(path: Path) -> Iterable[Row]:
    """Read the rows of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows to a file whose folder may be missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    main()
