"""The verb that says how the rows of a source are understood."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from isoglot.commands.options import Languages, listed

if TYPE_CHECKING:
    from isoglot.report.results.inspection import Inspection

_WIDTH = 300  # characters of a text in the terminal


def inspect_command(
    source: Annotated[
        str,
        typer.Argument(help="A file, folder, glob, or hub set: owner/name[:config][@commit]."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Keys of `prompts.source`, such as columns.prompt=question or language=en.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of a hub set.")] = "train",
    use: Annotated[
        Literal["prompts", "demonstrations", "preferences"] | None,
        typer.Option("--as", help="The use whose refusals are counted; default: by the rows."),
    ] = None,
    languages: Languages = "xllms-100",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print how the rows of a source are understood, before they are used.

    Form, languages (identified where no column says), columns, three examples, and the rows that
    would be refused, by reason. Nothing is written.

    Example: isoglot inspect tatsu-lab/alpaca language=en
    """
    from isoglot.core.language_sets import expand
    from isoglot.line.inspection import inspect_rows
    from isoglot.recipe.sources import named_source

    found = inspect_rows(
        named_source(source, settings or (), split=split), expand(listed(languages)), use
    )
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    for name, text in _lines(found):
        print(f"{name:10} {text}".rstrip())


def _lines(found: "Inspection") -> list[tuple[str, str]]:
    lines = [
        ("source", f"{found.source} ({found.revision[:12]}), {found.num_rows:,} rows"),
        ("form", _counts(found.forms) or "not understood"),
        ("makes", ", ".join(f"{num:,} {use}" for use, num in found.uses.items())),
        ("languages", _languages(found)),
        ("columns", ", ".join(f"{name} → {part}" for name, part in found.columns.items())),
        ("unused", ", ".join(found.unused)),
    ]
    for tag, other in found.mismatched.items():
        lines.append(("check", f"many rows of {tag} are in {other}: is the prompt another column?"))
    if found.parallel:
        hint = f"{found.parallel} is equal in several languages: set family=[{found.parallel}]"
        lines.append(("parallel", hint))
    if found.by_file:
        lines.append(("files", f"are named by language: give {found.by_file!r} as the source"))
    for each in found.examples:
        lines += [("", ""), (each.language or "unsure", f"{each.place}")]
        texts = {"prompt": each.prompt, **each.answers}
        lines += [(f"  {name}", _short(text)) for name, text in texts.items() if text]
    if found.refused:
        total = sum(each.num_rows for each in found.refused)
        mend = "mend them, or leave them out with skip_refused=true"
        lines += [("", ""), ("refused", f"{total:,} rows, as {found.use}; {mend}")]
        for refusal in found.refused:
            lines.append((f"  {refusal.num_rows:,}", f"{refusal.reason}: {refusal.first}"))
    return lines


def _languages(found: "Inspection") -> str:
    unsure = {"unsure": found.num_unsure} if found.num_unsure else {}
    counts = _counts({**found.languages, **unsure})
    return f"{counts} (identified: no column says)" if found.is_identified else counts


def _counts(counts: Any) -> str:
    return ", ".join(f"{name} {num:,}" for name, num in counts.items())


def _short(text: str) -> str:
    """Return a text in one line, escaped for the terminal."""
    line = " ".join(text.split())
    shown = line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in shown)
