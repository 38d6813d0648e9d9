"""The data card: README.md of an exported data set, as the hub reads it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from isoglot.core.languages import LANGUAGES, language
from isoglot.report.cells import INDEX_3, Column, Toned, number
from isoglot.report.escape import escape_markdown
from isoglot.report.export.tools import READERS, Tool
from isoglot.report.results.facts import RecipeFacts, RunFacts
from isoglot.report.results.names import language_name
from isoglot.report.results.summary import OverlapRow, RouteTable
from isoglot.report.table import Table, TableRow

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_FORMS = {
    "messages": "Conversations with one answer to imitate, in the column `messages`: TRL's "
    "`SFTTrainer` takes the rows as they are.",
    "preferences": "Pairs of a chosen and a rejected answer (`prompt`, `chosen`, `rejected`): "
    "TRL's `DPOTrainer` takes the rows as they are.",
}


TRANSLATED = {
    "dominant_translated": "the chosen answer is a machine translation of the model's answer in "
    "the dominant language, the rejected one its own answer",
}
"""Type of pair → what is translated in it; the chosen answer is."""

_REJECTED_TRANSLATED = {
    "dominant_kept": "the rejected answer is a machine translation of the model's answer in "
    "another language",
}


@dataclass(slots=True)
class Content:
    """The content of a data set, counted by the language of the answer."""

    kind: str
    rounds: Sequence[int]
    stage: str
    rows: Counter[str] = field(default_factory=Counter)
    chars: Counter[str] = field(default_factory=Counter)
    """Length of all answers together."""
    thoughts: int = 0
    """Rows with the thought before an answer."""
    models: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    splits: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    pair_types: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    routes: RouteTable = field(default_factory=RouteTable)
    contamination: Sequence[OverlapRow] | None = None
    """None where no evaluation set was compared."""


def data_card(content: Content, facts: RunFacts, licence: str, tools: Sequence[Tool] = ()) -> str:
    """Languages, sizes, engines, drops, licence, limits, and how it was made.

    Whatever came from files or models is escaped.
    """
    name = escape_markdown(facts.recipe.name or "data")
    parts = [
        _front_matter(content, licence),
        f"# {name}",
        f"{content.rows.total()} rows in {len(content.rows)} languages, made with isoglot. "
        f"{_FORMS[content.kind]} All languages are the default configuration, and each has one of "
        "its own; the split `test` holds whole families of prompts:",
        f'```python\nfrom datasets import load_dataset\n\nrows = load_dataset("PATH")\n'
        f'some = load_dataset("PATH", "{min(content.rows)}", split="train")\n```',
        *([_for_tools(tools)] if tools else []),
        "## Languages",
        "By the language of the answer. Written by: the model that wrote the answer, and the one "
        "that translated it, if any, with the share of the rows.",
        _languages(content),
        *_translated(content),
        *_thoughts(content),
        *_drops(content),
        *_contamination(content),
        *_routes(content),
        "## Licence",
        _licence(content, licence),
        "## Known limits",
        bullets(_limits(content, facts.recipe)),
        "## How it was made",
        bullets(_making(content, facts)),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(content: Content, licence: str) -> str:
    """YAML; each text is quoted as JSON is, so that `no` is Norwegian."""
    tags = sorted(content.rows)
    codes = sorted({tag.split("-")[0] for tag in tags})
    size = next((name for most, name in _SIZES if content.rows.total() < most), "n>1M")
    lines = ["---", f"license: {json.dumps(licence)}", "language:"]
    lines += [f"- {json.dumps(code)}" for code in codes]
    lines += ["size_categories:", f"- {json.dumps(size)}", "tags:", '- "trl"', '- "isoglot"']
    splits = set().union(*content.splits.values())
    lines += ["configs:", *_config("default", "*", splits), "  default: true"]
    for tag in tags:
        lines += _config(tag, tag, content.splits[tag])
    return "\n".join([*lines, "---"])


def _config(name: str, folder: str, splits: Iterable[str]) -> list[str]:
    lines = [f"- config_name: {json.dumps(name)}", "  data_files:"]
    for split in sorted(splits, reverse=True):
        lines += [f"  - split: {split}", f"    path: {json.dumps(f'{folder}/{split}.parquet')}"]
    return lines


def _author(model: str) -> str:
    """Say who wrote an answer, and who translated it."""
    writer, _, translator = map(escape_markdown, model.partition(" via "))
    return f"{writer}, machine translation by {translator}" if translator else writer


def _translated(content: Content) -> list[str]:
    """Say which sides of pairs are machine translations."""
    return [
        f"In the {content.pair_types[kind]} pairs of type `{kind}`, {which}."
        for kind, which in {**TRANSLATED, **_REJECTED_TRANSLATED}.items()
        if content.pair_types[kind]
    ]


def _thoughts(content: Content) -> list[str]:
    """Say where the thoughts of a reasoning model are, which no answer contains."""
    if not content.thoughts:
        return []
    names = {"messages": "`thought`", "preferences": "`chosen_thought` and `rejected_thought`"}
    return [
        f"{content.thoughts} rows have the thought of a reasoning model before an answer, in "
        f"{names[content.kind]}; it may be in another language than the answer."
    ]


def _for_tools(tools: Sequence[Tool]) -> str:
    return "For other trainers: " + "; ".join(f"`{tool}/` {READERS[tool]}" for tool in tools) + "."


def _languages(content: Content) -> str:
    lines = []
    for tag in sorted(content.rows):
        row, num = LANGUAGES[tag], content.rows[tag]
        engines = ", ".join(
            f"{_author(model)} {number(part / num)} %"
            for model, part in content.models[tag].most_common()
        )
        sizes = str(num), f"{content.chars[tag] / num:.0f}"
        lines.append([f"`{tag}`", row.english_name, row.own_name, row.tier, *sizes, engines])
    head = ["", "Language", "Own name", "Resources", "Rows", "Characters, mean", "Written by"]
    # By hand, since a tag in code type heads each row.
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *lines))


def _drops(content: Content) -> list[str]:
    reasons = sorted({why for counts in content.dropped.values() for why in counts})
    if not reasons:
        return ["## Dropped", "No row was dropped."]
    counts = {language_name(tag): content.dropped[tag] for tag in sorted(content.dropped)}
    counts["all"] = sum(content.dropped.values(), Counter[str]())
    rows = [TableRow(name, [num[why] for why in reasons]) for name, num in counts.items()]
    return ["## Dropped", _table(["Language", *(why.replace("_", " ") for why in reasons)], rows)]


def _contamination(content: Content) -> list[str]:
    if content.contamination is None:
        return []
    if not content.contamination:
        return ["## Overlap with evaluation sets", "No evaluation set was looked for."]
    rows = [
        TableRow(
            row.task,
            [
                language_name(row.language),
                row.rows,
                row.contaminated,
                "unknown" if row.rate is None else f"{number(row.rate)} %",
                row.items,
                row.found_items,
                row.unknown_items,
            ],
        )
        for row in content.contamination
    ]
    head = ["Task", "Language", "Rows", "Held an item", "Rate", "Items", "Found", "Too short"]
    return [
        "## Overlap with evaluation sets",
        "Rows that held an evaluation item of their language were dropped; compared were character "
        "n-grams. Items that are too short to be found are unknown.",
        _table(head, rows),
    ]


def _routes(content: Content) -> list[str]:
    """The decision table: why each language's answers were made the way they were."""
    if not content.routes.ways:
        return []
    keys = ("quality", "usable", "chrf", "off_target_rate", "artefact_rate", "failed_rate")
    rows = [
        TableRow(
            language_name(route.language),
            [
                route.way,
                route.num_answers,
                *(getattr(route, key) for key in keys),
                Toned(route.why, "good") if route.is_chosen else route.why,
            ],
        )
        for route in content.routes.ways
    ]
    names = [key.replace("_", " ") for key in keys]
    return [
        "## How answers were made, by language",
        f"Each way was measured on {content.routes.num_families} development prompts; rates are "
        "0 to 1, a dash is unknown.",
        _table(["Language", "Way", "Answers", *names, "Decision"], rows),
    ]


def _licence(content: Content, licence: str) -> str:
    stated = (
        "The licence is not stated: do not publish this before it is known."
        if licence == "unknown"
        else f"`{licence}`, as stated by who exported it."
    )
    sources = ", ".join(escape_markdown(name) for name in sorted(content.sources) if name)
    came = f" The prompts come from: {sources}." if sources else ""
    return (
        f"{stated}{came} Answers also fall under the terms of the models that wrote or translated "
        "them, which are named above."
    )


def _limits(content: Content, recipe: RecipeFacts) -> list[str]:
    """List what a reader must know before training on the data."""
    limits = ["Models wrote or translated the answers; no person has read them all."]
    if missing := [tag for tag in recipe.languages if tag not in content.rows]:
        limits.append(f"No row is left in: {', '.join(map(language_name, missing))}.")
    if few := sorted(tag for tag, num in content.rows.items() if num < 100):
        limits.append(f"Fewer than 100 rows: {', '.join(map(language_name, few))}.")
    if low := sum(language(tag).tier == "low" for tag in content.rows):
        limits.append(
            f"{low} of {len(content.rows)} languages are low-resource, where translators and the "
            "identifier of languages err most."
        )
    clean = recipe.clean or {}
    if content.stage == "clean":
        limits.append(
            "Near-duplicates and overlap are found by characters: a paraphrase or a translation of "
            "an evaluation item is not found, nor one that was changed in more than every "
            "thirtieth character or so."
        )
        if clean.get("max_similarity") is None:
            limits.append("Near-duplicates were not looked for.")
        if clean.get("max_overlap") is None:
            limits.append("Overlap with evaluation sets was not looked for.")
    else:
        limits.append("Neither near-duplicates nor overlap with evaluation sets were looked for.")
    limits.append("Facts, tone and harm of the answers were not checked.")
    return limits


def _making(content: Content, facts: RunFacts) -> list[str]:
    recipe = facts.recipe
    made = [
        f"Recipe `{code(recipe.name)}`, seed {escape_markdown(str(recipe.seed))}, "
        f"round{'s' * (len(content.rounds) > 1)} {', '.join(map(str, content.rounds))}, stage "
        f"`{content.stage}`.",
    ]
    if content.stage == "clean" and recipe.clean:
        made.append(f"Cleaned with `{code(json.dumps(recipe.clean))}`.")
    versions = (escape_markdown(f"{name} {number}") for name, number in facts.versions.items())
    return [*made, f"Versions: {', '.join(versions)}"]


def code(value: object) -> str:
    """A text that stands in code type."""
    return " ".join(str(value).split()).replace("`", "'")


def _table(head: Sequence[str], rows: Sequence[TableRow]) -> str:
    columns = [Column(title, INDEX_3, is_text=True) for title in head]
    return Table("", columns, rows).to_markdown().rstrip()


def bullets(lines: Iterable[str]) -> str:
    """A list in Markdown."""
    return "\n".join(f"- {line}" for line in lines)
