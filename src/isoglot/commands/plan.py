"""The verbs before a run: recipes, new, plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import isoglot
from isoglot.commands.options import Overrides, RecipeName, console

if TYPE_CHECKING:
    from isoglot.report.results.plan import RecipePlan


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


def plan_command(
    recipe: RecipeName,
    overrides: Overrides = None,
    throughput: Annotated[
        Path | None, typer.Option(help="TOML with rows that replace those of the package's table.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="h100, a100, rtx4090 … (the table of the package), cpu; default: the one here."
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
        screen.print(line, markup=False, highlight=False)
    screen.print()
    if plan.memory:
        screen.print(memory_table(plan).to_rich())
    screen.print(totals_line(plan))
    for line in assumed_lines(plan):
        screen.print(f"· {line}", markup=False)
