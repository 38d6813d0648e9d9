"""The verbs before a run: recipes, new, plan."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import isoglot
from isoglot.commands.options import Overrides, RecipeName, console, listed, print_next, print_path

if TYPE_CHECKING:
    from isoglot.recipe.drafting import DraftSource
    from isoglot.report.results.plan import RecipePlan


DEFAULT_DATA = "tatsu-lab/alpaca"
"""English instructions of the hub, for a draft without --data."""
MOST_FAMILIES = 1000
"""Families of a draft, if the data have as many; LIDR takes 1,000 for each round."""


def recipes_command(
    name: Annotated[
        str | None, typer.Argument(help="The recipe to print; without it, all are listed.")
    ] = None,
) -> None:
    """List the recipes in the package, or print one, to be copied and changed.

    Example: isoglot recipes lidr-qwen3-4b-24gb > mine.yaml
    """
    from rich.table import Table

    from isoglot.recipe.loading import shipped_text

    if name is not None:
        print(shipped_text("recipe", name), end="")
        return
    table = Table("recipe", "languages", "method")
    for each in isoglot.recipe_names():
        recipe = isoglot.load_recipe(each)
        table.add_row(each, " ".join(recipe.languages), recipe.description)
    console().print(table)
    print_next("isoglot plan NAME", "isoglot new lidr --model MODEL --languages en,sw,th")


def new_command(
    method: Annotated[
        Literal["lidr", "rlhf-dpo", "rlhf-rloo", "xllms", "sft"],
        typer.Argument(help="The method; `isoglot recipes` describes the papers' own."),
    ],
    model: Annotated[str, typer.Option(help="Folder or hub id of the model to train.")],
    languages: Annotated[str, typer.Option(help="Tags and sets, separated by commas.")],
    data: Annotated[
        str, typer.Option(help="Prompts: a file, folder, glob or hub set, as for `inspect`.")
    ] = DEFAULT_DATA,
    gpu: Annotated[
        str | None,
        typer.Option(
            help="24GB, 8x80GB, or a device of `plan`: h100, cpu …; default: the one here."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file; default: METHOD-MODEL.yaml, here.")
    ] = None,
) -> None:
    """Write a commented recipe that fits the device, and print its plan.

    Engine, adapters, batch sizes and sources are chosen; of the model only config.json is read.

    Example: isoglot new lidr --model Qwen/Qwen3-4B-Instruct-2507 --languages en,sw,th --gpu 24GB
    """
    from isoglot.core.language_sets import expand
    from isoglot.core.store import write_whole
    from isoglot.models.shape import require_shape
    from isoglot.planning.plan import device_for_new, plan_of
    from isoglot.recipe.drafting import draft_recipe
    from isoglot.recipe.models import model_path

    tags = expand(listed(languages))
    path = out or Path(f"{method}-{Path(model).name.lower()}.yaml")
    if path.exists():
        raise isoglot.InputError(f"expected a new file, got {path}, which exists; give --out")
    device, num_devices, notes = device_for_new(gpu)
    source = drafted_source(data, tags)
    shape = require_shape(model_path(model))
    draft = draft_recipe(
        method, path.stem, model, shape, tags, source, device, num_devices=num_devices
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, draft.text.encode())
    plan_for = "cpu" if device.is_cpu else f"{device.num_bytes / 2**30:g}GB"
    print_plan(plan_of(draft.recipe, device=plan_for))
    for note in notes:
        console().print(f"· {note}")
    print_path("recipe", path)
    print_next(f"isoglot run {path} --quick", f"isoglot run {path}")


def drafted_source(data: str, languages: Sequence[str]) -> "DraftSource":
    """Return the source of a draft: as its rows are understood, where they can be read now."""
    from isoglot.line.inspection import inspect_rows
    from isoglot.recipe.drafting import DraftSource
    from isoglot.recipe.sources import named_source

    given = named_source(data)
    keys = {"kind": given.kind, **given.model_dump(mode="json", exclude_unset=True)}
    if data == DEFAULT_DATA:
        comment = "52,002 English instructions, CC BY-NC 4.0"
        return DraftSource({**keys, "language": "en"}, "en", comment=comment)
    found = inspect_rows(given, languages)
    present = [tag for tag in found.languages if tag in languages]
    if not present:
        raise isoglot.InputError(
            f"{data}: expected prompts in {', '.join(languages)}, got "
            f"{', '.join(found.languages) or 'no language that is known'}; name its language among "
            "--languages"
        )
    rows = f"{found.num_rows:,} rows of {', '.join(found.forms)}"
    if set(present) == set(languages) and len(present) > 1:
        family = {"family": [found.parallel]} if found.parallel else {}
        num = min(MOST_FAMILIES, *(found.languages[tag] for tag in present))
        return DraftSource({**keys, **family}, None, num, f"{rows}, in all languages")
    first = present[0]
    num = min(MOST_FAMILIES, found.languages[first])
    where = {"language": first} if found.is_identified else {}
    others = f", of which those in {first} are translated" if len(found.languages) > 1 else ""
    return DraftSource({**keys, **where}, first, num, f"{rows}{others}")


def plan_command(
    recipe: RecipeName,
    overrides: Overrides = None,
    throughput: Annotated[
        Path | None, typer.Option(help="TOML with rows that replace those of the package's table.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="h100, a100, rtx4090 …, a memory such as 24GB, or cpu; default: the one here."
        ),
    ] = None,
    usd_per_hour: Annotated[
        float | None, typer.Option(min=0, help="Price of one device hour.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Count generations, training steps, hours, cost and memory of a recipe before it runs.

    Example: isoglot plan lidr --usd-per-hour 2.5 prompts.num_families=2000
    """
    from isoglot.planning.plan import plan_of
    from isoglot.report.pages.plan import plan_json

    found = plan_of(
        isoglot.load_recipe(recipe, overrides or []),
        throughput=throughput,
        device=device,
        usd_per_hour=usd_per_hour,
    )
    if json:
        print(plan_json(found))
        return
    print_plan(found)
    print_next(" ".join(["isoglot run", recipe, *(overrides or ())]))


def print_plan(plan: "RecipePlan") -> None:
    """Print the tables of a plan, its totals, and the assumptions behind them."""
    from isoglot.report.pages.plan import (
        assumed_lines,
        model_lines,
        plan_table,
        totals_line,
    )
    from isoglot.report.pages.plan_memory import memory_table

    screen = console()
    screen.print(plan_table(plan).to_rich())
    for line in model_lines(plan):
        screen.print(line, highlight=False)
    screen.print()
    if plan.memory:
        screen.print(memory_table(plan).to_rich())
    screen.print(totals_line(plan))
    for line in assumed_lines(plan):
        screen.print(f"· {line}")
