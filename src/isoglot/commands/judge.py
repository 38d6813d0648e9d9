"""The verbs that judge: judge, rewards, import-rankings."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import isoglot
from isoglot.commands.options import (
    Languages,
    Redo,
    Seed,
    SetsData,
    console,
    listed,
    print_next,
    print_path,
)

if TYPE_CHECKING:
    from isoglot.report.results.rewards import RewardResults

_Answers = Annotated[
    Path, typer.Argument(help="Folder of `evaluate`, or a file of completions (.jsonl, .csv …).")
]
_BaselineAnswers = Annotated[
    Path | None,
    typer.Argument(
        help="The answers of the baseline; without them, A's answers are rated, 1 to 10."
    ),
]
_By = Annotated[
    str,
    typer.Option(
        "--judge",
        help="A model, named as for `evaluate`; `oracle` or `oracle:GRADER` for examples with "
        "gold; `scorer:NAME` for a reward.",
    ),
]
_Task = Annotated[str | None, typer.Option(help="The task, if a folder has several.")]
_Reading = Annotated[
    Literal["auto", "text", "likelihood"],
    typer.Option(help="Verdicts from the judge's text, or from the likelihood of each label."),
]
_Second = Annotated[
    Path | None, typer.Option(help="Folder of another judge's verdicts, to report their agreement.")
]
_MaxCost = Annotated[
    float | None,
    typer.Option(help="Upper bound of the cost in US dollars; needs the prices of the model."),
]
_AgainInvalid = Annotated[
    bool, typer.Option("--again-invalid", help="Judge again the pairs without a readable verdict.")
]
_JudgeOut = Annotated[
    Path | None,
    typer.Option(help="Folder of the verdicts; default: runs/judge or runs/rate."),
]


def judge_command(
    a: _Answers,
    by: _By,
    b: _BaselineAnswers = None,
    task: _Task = None,
    languages: Languages = "",
    out: _JudgeOut = None,
    reading: _Reading = "auto",
    second: _Second = None,
    max_cost: _MaxCost = None,
    again_invalid: _AgainInvalid = False,
    seed: Seed = 1,
) -> None:
    """Compare two models' answers in both orders; or rate one model's, 1 to 10, as MT-Bench does.

    Verdicts are kept: the same command resumes, or judges what is new.

    Example: isoglot judge runs/evaluate-new runs/evaluate-old --task dolly --judge openai:gpt-4o

    Example: isoglot judge runs/evaluate-new --task mt_bench --judge openai:gpt-4o
    """
    judged = isoglot.judge(
        a,
        b,
        by,
        task=task,
        languages=listed(languages),
        out=out,
        reading=reading,
        second=second,
        max_cost_usd=max_cost,
        again_invalid=again_invalid,
        seed=seed,
    )
    for table in judged.tables():
        console().print(table.to_rich())
    print_path("report", judged.report)
    print_next(f"isoglot export {judged.folder} table.tex --as latex")


_Scorers = Annotated[
    list[str],
    typer.Argument(
        metavar="SCORER...",
        help="Folders or hub ids of reward models, `length`, `language_match`, `gold:GRADER`, "
        "`judge:MODEL`.",
    ),
]
_On = Annotated[
    str,
    typer.Option(
        help="Preferences, between commas: published sets (such as tata), a run's folder, a folder "
        "of shards, or .parquet files."
    ),
]
_Inside = Annotated[
    str,
    typer.Option(help="Sets of the kind that the scorers were trained on, to compare with --on."),
]
_RewardsOut = Annotated[Path, typer.Option(help="Folder of the rewards and the page.")]


def rewards_command(
    scorers: _Scorers,
    on: _On = "",
    in_distribution: _Inside = "",
    data: SetsData = None,
    languages: Languages = "",
    out: _RewardsOut = Path("runs/rewards"),
    seed: Seed = 1,
    redo: Redo = False,
) -> None:
    """Measure the accuracy of scorers on preferences, by language.

    Rewards are kept: the same command resumes, or adds scorers and sets.

    Example: isoglot rewards runs/reward/policy length --on tata,llmbar --data ../shared/data
    """
    from isoglot.rewards.accuracy import measure_rewards

    results = measure_rewards(
        scorers,
        listed(on),
        out,
        in_distribution=listed(in_distribution),
        data=data,
        languages=listed(languages),
        seed=seed,
        redo=redo,
    )
    _show_rewards(results, out)


def held_out_rewards(
    on: str, trained_on: list[Path], out: Path, data: Path | None
) -> Callable[[str], None]:
    """Return a function that measures a trained reward model, and `length` as a control.

    Raises:
        InputError: a set has prompts that are trained on.
    """
    from isoglot.rewards.accuracy import check_held_out, measure_rewards

    names, folder = listed(on), out / "rewards"
    check_held_out(names, trained_on, folder, data)

    def measure(model: str) -> None:
        results = measure_rewards(
            [model, "length"], (), folder, in_distribution=names, data=data, redo=True
        )
        results.write(out / "rewards.json")
        _show_rewards(results, folder)

    return measure


def _show_rewards(results: "RewardResults", folder: Path) -> None:
    """Print the table of each set, and write the page."""
    from isoglot.report.pages.rewards import write_rewards_report
    from isoglot.report.pages.rewards_tables import cells_of_set, distribution_table, set_table

    for name in results.sets:
        table = set_table(name, cells_of_set(results, name), results.scorers)
        console().print(table.to_rich())
    if results.distribution:
        console().print(distribution_table(results.distribution).to_rich())
    print_path("report", write_rewards_report(folder))


def import_rankings_command(
    files: Annotated[
        list[str],
        typer.Argument(
            help="JSONL, JSONL.gz or Parquet: prompt, completions, ranks (1 is the best), and, "
            "optionally, annotator, id, language, answer_language, models."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the preferences.")] = Path("runs/rankings"),
    language: Annotated[str, typer.Option(help="Language of rows without one.")] = "en",
    pair: Annotated[
        Literal["best_vs_worst", "best_vs_random", "max_vs_low"],
        typer.Option(help="Rule that pairs the answers of an item, by mean rank."),
    ] = "best_vs_worst",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 1,
) -> None:
    """Make preferences from human rankings, and print the annotator agreement by language.

    Rows with the same `id` (by default: the same texts) are one item with several annotators. The
    mean rank decides; equal means make no pair. Train on OUT/part-*.parquet, or measure rewards
    with `isoglot rewards --on OUT`.

    Example: isoglot import-rankings ranked.jsonl --out runs/human --language sw
    """
    from isoglot.report.pages.rewards_tables import agreement_table
    from isoglot.rewards.rankings import import_rankings

    imported = import_rankings(files, out, tag=language, method=pair, seed=seed)
    console().print(agreement_table(imported.agreement).to_rich())
    print(f"preferences: {out}/part-*.parquet")
    print_next(f"isoglot train reward {out}/part-*.parquet --model M")
