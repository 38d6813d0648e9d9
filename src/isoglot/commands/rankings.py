"""The verb that takes in what people ranked. `cli` puts it beside the others."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def import_rankings(
    files: Annotated[
        list[str],
        typer.Argument(
            help="JSONL, JSONL.gz or Parquet: prompt, completions, ranks (1 is the best), and, "
            "where there are, annotator, id, language, answer_language, models."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the preferences go.")] = Path("runs/rankings"),
    language: Annotated[str, typer.Option(help="Of rows that name none.")] = "en",
    pair: Annotated[
        Literal["best_vs_worst", "best_vs_random", "max_vs_low"],
        typer.Option(help="Which answers of an item make its pair, by mean rank."),
    ] = "best_vs_worst",
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 1,
) -> None:
    """Make preferences of answers that people ranked; prints how far they agree, by language.

    Rows with the same `id` (left out: the same texts) are one item, ranked by several annotators;
    the mean of their ranks decides, and equal means make no pair. OUT/part-*.parquet trains, and
    `isoglot rewards --on OUT` takes it.

    Example: isoglot import-rankings ranked.jsonl --out runs/human --language sw
    """
    from isoglot.commands.measure import console
    from isoglot.report.pages.rankings import agreement_table
    from isoglot.rewards.rankings import import_rankings as import_them

    imported = import_them(files, out, tag=language, method=pair, seed=seed)
    console().print(agreement_table(imported.agreement).to_rich())
    print(f"preferences: {out}/part-*.parquet")
