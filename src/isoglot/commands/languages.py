"""The verb `languages`: the table, filtered, and the sets."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.core.errors import InputError
from isoglot.core.language_sets import ABOUT, SETS, expand
from isoglot.core.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from rich.table import Table

Tier = Annotated[str, typer.Option(help="Resources: high, mid or low.")]
Script = Annotated[str, typer.Option(help="ISO 15924: Cyrl, Arab, Deva …")]
Family = Annotated[str, typer.Option(help="Largest family: Turkic, Uralic …")]
InBenchmark = Annotated[
    str,
    typer.Option("--benchmark", help="Names that `benchmarks` lists; adds their codes."),
]
InSet = Annotated[
    str, typer.Option("--set", help="A set, or a union: lidr-5,sw; without: xllms-100,-feedback-30")
]
Sets = Annotated[bool, typer.Option("--sets", help="List the sets that recipes can name.")]
AsJson = Annotated[bool, typer.Option("--json", help="All columns and every benchmark's code.")]


def languages_command(
    tier: Tier = "",
    script: Script = "",
    family: Family = "",
    benchmark: InBenchmark = "",
    in_set: InSet = "",
    sets: Sets = False,
    as_json: AsJson = False,
) -> None:
    """List the languages: codes, names, script, family, resources, speakers.

    Filters narrow each other; of several values between commas any will do. Tags and sets are what
    `languages:` of a recipe takes and `--languages` of the other commands. Speakers are orders of
    magnitude: 10 M is from ten to a hundred million.

    Example: isoglot languages --tier low --script Cyrl --set xllms-100

    Example: isoglot languages --benchmark xcopa,mgsm --json

    Example: isoglot languages --sets
    """
    if sets:
        if any((tier, script, family, benchmark, in_set)):
            raise InputError("--sets lists whole sets; leave the filters out, or name one by --set")
        if as_json:
            return print(_as_json(SETS))
        return _show(_sets_table())
    named = _benchmarks(_listed(benchmark))
    columns = (("tier", tier), ("script", script), ("family", family))
    kept = _filtered({name: _listed(text) for name, text in columns}, named, _listed(in_set))
    if as_json:
        return print(_as_json([_everything(row) for row in kept]))
    _show(_table(kept, named))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _benchmarks(names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Of each: tag to what the set calls it."""
    from isoglot.benchmarks.catalogue import benchmark_of

    return {name: benchmark_of(name).languages for name in names}


def _filtered(
    columns: Mapping[str, Collection[str]],
    benchmarks: Mapping[str, Mapping[str, str]],
    sets: Sequence[str],
) -> list[Language]:
    known = {column: _known(column, wanted) for column, wanted in columns.items() if wanted}
    tags = set(expand(sets) if sets else LANGUAGES)
    if benchmarks:
        tags &= {tag for codes in benchmarks.values() for tag in codes}
    return [
        row
        for row in LANGUAGES.values()
        if row.tag in tags
        and all(getattr(row, column) in values for column, values in known.items())
    ]


def _known(column: str, wanted: Iterable[str]) -> set[str]:
    """The values of a column, which must be there; ValueError with a did-you-mean."""
    there = sorted({getattr(row, column) for row in LANGUAGES.values()})
    for value in wanted:
        if value not in there:
            folded = {known.casefold(): known for known in there}
            close = get_close_matches(value.casefold(), folded, n=1)
            hint = (
                f"did you mean {folded[close[0]]!r}?" if close else f"there are {', '.join(there)}"
            )
            raise InputError(f"no language has the {column} {value!r}; {hint}")
    return set(wanted)


def _everything(row: Language) -> dict[str, Any]:
    from isoglot.benchmarks.catalogue import BENCHMARKS

    codes = {
        name: each.languages[row.tag]
        for name, each in BENCHMARKS.items()
        if row.tag in each.languages
    }
    sets = [name for name, tags in SETS.items() if row.tag in tags]
    return {**asdict(row), "benchmarks": codes, "sets": sets}


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


def _table(rows: Sequence[Language], benchmarks: Mapping[str, Mapping[str, str]]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    title = f"{len(rows)} of {len(LANGUAGES)} languages"
    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    for name in ("tag", "FLORES", "ISO"):
        table.add_column(name, no_wrap=True)
    for name in ("English name", "own name"):
        table.add_column(name, overflow="fold")
    table.add_column("script", no_wrap=True)
    table.add_column("family", overflow="fold")
    table.add_column("tier", no_wrap=True)
    table.add_column("speakers", no_wrap=True, justify="right")
    for name in benchmarks:
        table.add_column(name, no_wrap=True)
    for row in rows:
        codes = [names.get(row.tag, "") for names in benchmarks.values()]
        names = row.english_name, row.own_name, row.script, row.family
        speakers = _short(row.speakers)
        table.add_row(row.tag, row.flores, row.iso639_3, *names, row.tier, speakers, *codes)
    return table


def _short(num: int | None) -> str:
    if num is None:
        return "unknown"
    return f"{num // 10**6:,} M" if num >= 10**6 else f"{num // 1000} k"


def _sets_table() -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    for name in ("set", "what it is", "languages", "high·mid·low", "scripts", "families", "tags"):
        is_number = name in ("languages", "scripts", "families")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for name, tags in SETS.items():
        rows = [LANGUAGES[tag] for tag in tags]
        tiers = [sum(row.tier == tier for row in rows) for tier in ("high", "mid", "low")]
        table.add_row(
            name,
            ABOUT[name],
            str(len(rows)),
            "·".join(map(str, tiers)),
            str(len({row.script for row in rows})),
            str(len({row.family for row in rows})),
            " ".join(tags),
        )
    return table


def _show(table: "Table") -> None:
    from rich.console import Console

    # Lines of a file or a pipe stay whole, for grep.
    Console(width=None if sys.stdout.isatty() else 160).print(table)
