"""Measure a run from prompts to pairs by the number of prompts, without any model.

Run from the root of the repository:

    python bench/scale.py --prompts 1000 10000 100000

Each prompt has two answers in a file, of which a third are in another language; the recipe
`own-completions` pairs them by their language, and trains nothing. Texts are the questions of MGSM
(`tests/data_rows`) with a number before each. The row of a number of prompts has processor time,
peak memory, files and the size of the page for the run, and processor time and memory of the same
command again, which finds everything done. They are those of a process of its own (`os.wait4`):
processor time, so that a busy machine changes little.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

QUESTIONS = Path(__file__).parents[1] / "tests/data_rows/mgsm/mgsm.jsonl.gz"
LANGUAGES = ("de", "en", "es", "fr", "ja", "ru", "zh")
MODELS = ("model-a", "model-b")
ROW = "{:>9} {:>8} {:>9} {:>8} {:>7} {:>9} {:>9} {:>9}"
HEAD = ("prompts", "run s", "ms/prompt", "peak MB", "files", "page MB", "again s", "again MB")
MEGABYTE = 1e6


class Cost(NamedTuple):
    """What a process took."""

    cpu_seconds: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--prompts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument(
        "--scratch", type=Path, help="Folder for the runs; default: a temporary one."
    )
    args = parser.parse_args()
    print(
        ROW.format(
            "prompts", "run s", "ms/prompt", "peak MB", "files", "page MB", "again s", "again MB"
        )
    )
    for num in args.prompts:
        with tempfile.TemporaryDirectory(prefix="bench-scale-", dir=args.scratch) as scratch:
            print(ROW.format(*measured(num, Path(scratch))), flush=True)


def measured(num: int, scratch: Path) -> Sequence[str]:
    """Run the recipe twice over `num` prompts; return a row of the table."""
    with (scratch / "completions.jsonl").open("w", encoding="utf-8") as file:
        for row in rows(num):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    run, again = executed(scratch), executed(scratch)
    out = scratch / "run"
    num_files = sum(path.is_file() for path in out.rglob("*"))
    page = (out / "report.html").stat().st_size / MEGABYTE
    return (
        f"{num:,}",
        f"{run.cpu_seconds:.1f}",
        f"{1000 * run.cpu_seconds / num:.2f}",
        f"{run.peak_mb:,.0f}",
        f"{num_files:,}",
        f"{page:.2f}",
        f"{again.cpu_seconds:.1f}",
        f"{again.peak_mb:,.0f}",
    )


def rows(num: int) -> Iterator[dict[str, Any]]:
    """Yield the answers of two models to `num` prompts, one language after the other in turn."""
    questions: dict[str, list[str]] = {tag: [] for tag in LANGUAGES}
    with gzip.open(QUESTIONS, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["lang"] in questions:
                questions[row["lang"]].append(row["question"])
    for i in range(num):
        tag, other = (LANGUAGES[(i + step) % len(LANGUAGES)] for step in (0, 1))
        for place, model in enumerate(MODELS):
            answered = other if (i + place) % 3 == 0 else tag
            answers = questions[answered]
            yield {
                "prompt": f"{i}. {questions[tag][i % len(questions[tag])]}",
                "language": tag,
                "model": model,
                "completion": answers[(i + 1) % len(answers)],
            }


def executed(scratch: Path) -> Cost:
    """Run the recipe in a process of its own, and return what it took."""
    file = str(scratch / "completions.jsonl")
    samplers = [
        {"engine": "file", "path": file, "id_columns": ["language", "prompt"],
         "text_column": "completion", "sampler_column": "model", "sampler": model}
        for model in MODELS
    ]  # fmt: skip
    overrides = {
        "languages": list(LANGUAGES),
        "prompts.source.path": file,
        "samplers": samplers,
        "train": None,
    }
    words = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    command = [sys.executable, "-m", "isoglot", "run", "own-completions", *words]
    command += ["--out", str(scratch / "run")]
    with (scratch / "output").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit((scratch / "output").read_text())
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobyte / MEGABYTE)


if __name__ == "__main__":
    main()
