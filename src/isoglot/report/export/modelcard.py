"""The model card: README.md of a policy, and of the results of a run, as the hub reads it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from isoglot.report.cells import Column
from isoglot.report.escape import escape_markdown
from isoglot.report.export.datacard import bullets, code
from isoglot.report.pages.headline import Headline
from isoglot.report.pages.run_results import language_table
from isoglot.report.results.facts import RecipeFacts, RunFacts
from isoglot.report.results.names import language_name
from isoglot.report.results.progress import Progress
from isoglot.report.results.rows import ResultRow
from isoglot.report.results.summary import RunSummary
from isoglot.report.table import Table, TableRow

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_METHODS = {
    "dpo": "direct preference optimisation (TRL's DPOTrainer)",
    "sft": "supervised fine-tuning (TRL's SFTTrainer)",
    "rloo": "REINFORCE with a leave-one-out baseline (TRL's RLOOTrainer)",
    "sdft": "on-policy self-distillation (TRL's SDFTTrainer)",
    "grpo": "group relative policy optimization (TRL's GRPOTrainer)",
}


def model_card(summary: RunSummary, facts: RunFacts, licence: str, last: int) -> str:
    """Base, method, data, languages, results with intervals, recipe and versions of M_last.

    Whatever came from files or models is escaped.
    """
    recipe = facts.recipe
    base = base_model(recipe)
    parts = [
        _front_matter(recipe, licence),
        f"# {escape_markdown(recipe.name or 'policy')}: M{last}",
        f"{escape_markdown(base_name(recipe))}, trained with isoglot in {_rounds(last)} of "
        f"{_METHODS.get(summary.method or '', 'training')} to be as good in every language as in "
        f"{language_name(summary.dominant_language)}.",
        *([_usage()] if base else []),
        *_results(summary),
        "## Data",
        bullets(_data(summary)),
        "## Licence",
        "The licence is not stated: do not use this before it is known."
        if licence == "unknown"
        else f"`{licence}`, as stated by who published it; the base model's terms hold too.",
        "## How it was made",
        bullets(_making(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def results_card(summary: RunSummary, facts: RunFacts) -> str:
    """Results of a run, and the files that hold them."""
    parts = [
        '---\ntags:\n- "isoglot"\n---',
        f"# Results of {escape_markdown(facts.recipe.name or 'a run')}",
        "`report.html` is the page of the run, `summary.json` every number with its interval, "
        "`metrics.jsonl` the same by round and training step, `run.json` recipe and versions.",
        *_results(summary),
        "## How it was made",
        bullets(_making(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def base_name(recipe: RecipeFacts) -> str:
    """The base model by its hub id, or by the name of its folder."""
    path = recipe.policy.path or "a base model"
    return path if base_model(recipe) else Path(path).name


def base_model(recipe: RecipeFacts) -> str | None:
    """The hub id of the base model; None for a folder of the user's, or a model of the lab."""
    path = recipe.policy.path or ""
    return path if _HUB_ID.fullmatch(path) and not Path(path).exists() else None


def _front_matter(recipe: RecipeFacts, licence: str) -> str:
    codes = sorted({tag.split("-")[0] for tag in recipe.languages})
    lines = ["---", f"license: {json.dumps(licence)}", "library_name: transformers"]
    lines += ["pipeline_tag: text-generation"]
    if base := base_model(recipe):
        lines += [f"base_model: {json.dumps(base)}"]
    lines += ["language:", *(f"- {json.dumps(tag)}" for tag in codes)]
    return "\n".join([*lines, "tags:", '- "isoglot"', '- "trl"', "---"])


def _usage() -> str:
    return (
        "```python\nfrom transformers import pipeline\n\n"
        'chat = pipeline("text-generation", "PATH")\n'
        'chat([{"role": "user", "content": "Habari za asubuhi?"}])\n```'
    )


def _rounds(last: int) -> str:
    return "one round" if last == 1 else f"{last} rounds"


def _results(summary: RunSummary) -> list[str]:
    """The verdict, the languages over rounds, and each last value with its interval."""
    progress = Progress(summary)
    if not progress.measures:
        return ["## Results", "This model was not evaluated."]
    last = max(progress.rounds)
    rows = [row for index, row in summary.results if index == last]
    shown = [row for row in rows if row.task != summary.validation]
    return [
        "## Results",
        *([escape_markdown(Headline(progress).sentence)] if progress.primary else []),
        language_table(progress).to_markdown().rstrip(),
        f"M{last} on every task, in %, with 95 % intervals; n are the answers with a value:",
        _values(shown),
    ]


def _values(rows: Sequence[ResultRow]) -> str:
    columns = [Column(name, is_text=True) for name in ("Task", "Metric", "Language")]
    columns += [Column(name) for name in ("Value, %", "n", "Unknown")]
    return (
        Table(
            "",
            columns,
            [
                TableRow(row.task, [row.metric, row.language, row.interval, row.n, row.unknown])
                for row in rows
            ],
        )
        .to_markdown()
        .rstrip()
    )


def _data(summary: RunSummary) -> list[str]:
    found = []
    for entry in summary.rounds:
        if entry.pairs:
            tags = ", ".join(
                f"{language_name(tag)} {counts.kept}"
                for tag, counts in entry.pairs.by_language.items()
            )
            found.append(f"Round {entry.round}: {entry.pairs.kept} preference pairs ({tags}).")
        if entry.demonstrations:
            found.append(f"Round {entry.round}: {entry.demonstrations.kept} demonstrations.")
    return found or ["Prompts alone: the policy completed them in training."]


def _making(facts: RunFacts) -> list[str]:
    recipe = facts.recipe
    trained = {key: value for key, value in (recipe.train or {}).items() if value is not None}
    made = [
        f"Recipe `{code(recipe.name)}`, seed {escape_markdown(str(recipe.seed))}.",
        f"Languages: {', '.join(map(language_name, recipe.languages))}.",
    ]
    if trained:
        made.append(f"Training: `{code(json.dumps(trained, ensure_ascii=False))}`.")
    versions = (escape_markdown(f"{name} {number}") for name, number in facts.versions.items())
    return [*made, f"Versions: {', '.join(versions)}."]
