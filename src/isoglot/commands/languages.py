"""The verb that lists the languages and the sets of languages."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.commands.options import listed
from isoglot.core.errors import InputError
from isoglot.core.language_sets import ABOUT, SETS, expand
from isoglot.core.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from rich.table import Table

_Tier = Annotated[str, typer.Option(help="Resource tier: high, mid or low.")]
_Script = Annotated[str, typer.Option(help="ISO 15924: Cyrl, Arab, Deva …")]
_Family = Annotated[str, typer.Option(help="Language family: Turkic, Uralic …")]
_InBenchmark = Annotated[
    str,
    typer.Option("--benchmark", help="Benchmarks that `benchmarks` lists; adds their codes."),
]
_InSet = Annotated[
    str,
    typer.Option(
        "--set", help="Sets and tags: lidr-5,sw; with `-` to remove: xllms-100,-feedback-30"
    ),
]
_Sets = Annotated[bool, typer.Option("--sets", help="List the sets of languages.")]
_AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON with all columns and every benchmark's code.")
]


def languages_command(
    tier: _Tier = "",
    script: _Script = "",
    family: _Family = "",
    benchmark: _InBenchmark = "",
    in_set: _InSet = "",
    sets: _Sets = False,
    as_json: _AsJson = False,
) -> None:
    """List the languages: codes, names, script, family, resource tier, speakers.

    Filters are combined; several values of one filter, separated by commas, are alternatives. The
    tags and sets are those of `languages:` in a recipe and of `--languages`. Speakers are orders of
    magnitude: 10 M is ten to a hundred million.

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
    named = _benchmarks(listed(benchmark))
    columns = (("tier", tier), ("script", script), ("family", family))
    kept = _filtered({name: listed(text) for name, text in columns}, named, listed(in_set))
    if as_json:
        return print(_as_json([_everything(row) for row in kept]))
    _show(_table(kept, named))


def _benchmarks(names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Return the language codes of each benchmark."""
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
    """Check that a column has the values; raises InputError with a suggestion."""
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
    for name in ("set", "description", "languages", "high·mid·low", "scripts", "families", "tags"):
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
