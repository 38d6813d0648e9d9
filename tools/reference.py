"""Write the pages of the site that the package itself knows, into docs/reference.

    python tools/reference.py && zensical build --strict

The keys come from the schema of a recipe, the verbs from the command line, functions and classes
from the docstrings of `isoglot.__all__`, and the tables from those of the package.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from api import api_page
from markup import code, definition, prose, table
from schema import keys_page
from typer.main import get_command

from isoglot.benchmarks.catalogue import BENCHMARKS
from isoglot.commands.main import app
from isoglot.core.language_sets import ABOUT, SETS
from isoglot.core.languages import LANGUAGES
from isoglot.recipe.loading import load_yaml, packaged, shipped_text
from isoglot.recipe.recipe import Recipe, load_recipe
from isoglot.study.grid import StudyConfig

DOCS = Path(__file__).parents[1] / "docs"


def write_pages(docs: Path = DOCS) -> None:
    """Write every page into the folder `reference` of the documentation."""
    (docs / "reference").mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path = docs / "reference" / f"{name}.md"
        path.write_text(page().rstrip() + "\n", encoding="utf-8")


def recipe_keys() -> str:
    """Return the page of every key of a recipe."""
    intro = """\
Every key that a recipe may have, with its type, default and meaning. Set one in the file, or on
the command line by its dots: `isoglot run lidr-lab seed=2 train.training.learning_rate=5e-7`. An
unknown key is refused, with the nearest known one. [Recipes](recipes.md) has those of the package
as text."""
    return keys_page("Every key of a recipe", intro, Recipe, _examples("recipe"))


def study_keys() -> str:
    """Return the page of every key of a study."""
    intro = "Every key of the file that [`isoglot study`](../study.md) reads."
    return keys_page("Every key of a study", intro, StudyConfig, _examples("study"))


def _examples(kind: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(name, load_yaml(kind, name)) for name in packaged(kind)]


def recipes() -> str:
    """Return the page of the recipes in the package."""
    lines = [
        "# Recipes",
        "The recipes in the package; [Methods](../methods.md) says which to take. Run one by its "
        "name, or copy it: `isoglot recipes NAME > mine.yaml`. [Every key](keys.md) is a page.",
        table(
            ("recipe", "method", "languages"),
            [
                (f"[`{name}`](#{name})", each.description, _tags(each.languages))
                for name in packaged("recipe")
                for each in [load_recipe(name)]
            ],
        ),
    ]
    for name in packaged("recipe"):
        text = shipped_text("recipe", name)
        lines += [f"## {name} {{ #{name} }}", load_recipe(name).description, code("yaml", text)]
    return "\n\n".join(lines)


def commands() -> str:
    """Return the page of the verbs of the command line."""
    lines = [
        "# Command line",
        "Every verb ends with what to type next. Exit codes: 0 done, 1 failed, 2 bad input (one "
        "line: what was expected, what came, how to mend it), 128 + N ended by signal N.",
        "`isoglot --debug VERB …` shows the traceback of any error.",
    ]
    for names, command in verbs(get_command(app)):
        lines += _verb(" ".join(("isoglot", *names)), command)
    return "\n\n".join(lines)


def verbs(group: Any, before: Sequence[str] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the names and command of every verb, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from verbs(command, (*before, name))
        else:
            yield (*before, name), command


def _verb(name: str, command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## {name} {{ #{name.replace(' ', '-')} }}"
    yield code("text", f"{name} {usage}")
    for paragraph in (command.help or "").split("\n\n"):
        text = " ".join(paragraph.split())
        if text.startswith("Example: "):
            yield code("sh", text.removeprefix("Example: "))
        else:
            yield prose(text)
    yield "\n\n".join(_parameter(each, context) for each in command.params if not each.hidden)


def _parameter(each: Any, context: Any) -> str:
    is_argument = each.param_type_name == "argument"
    names = ", ".join(
        each.get_usage_pieces(context) if is_argument else [*each.opts, *each.secondary_opts]
    )
    value = "" if is_argument or each.is_flag else f" {each.metavar or each.display_type(context)}"
    facts = ["required"] if each.required else []
    if not each.required and each.default not in (None, "", False, ()):
        facts = [f"default `{each.default}`"]
    return definition(f"`{names}{value}`", facts, prose(each.help or ""))


def languages() -> str:
    """Return the page of the languages and of the sets of them."""
    rows = [
        (
            f"`{row.tag}`",
            row.english_name,
            row.own_name,
            row.script,
            row.family,
            row.tier,
            f"`{row.flores}`" if row.flores else "",
        )
        for row in LANGUAGES.values()
    ]
    sets = [(f"`{name}`", len(tags), ABOUT[name], _tags(tags)) for name, tags in SETS.items()]
    return "\n\n".join(
        [
            "# Languages",
            f"{len(rows)} written languages. The tag (BCP-47) is what `languages:` and "
            "`--languages` take, alone or in a set; `-NAME` removes a tag or a set. Tiers are the "
            "resource classes of Joshi et al. 2020. `isoglot languages` filters the table and adds "
            "the codes of benchmarks; `--json` has all columns.",
            "## Sets",
            table(("set", "n", "what it is", "tags"), sets),
            "## Table",
            table(("tag", "language", "own name", "script", "family", "tier", "FLORES-200"), rows),
        ]
    )


def benchmarks() -> str:
    """Return the page of the benchmarks, with licence and source."""
    sources = [
        (
            f"`{name}`",
            each.title,
            len(each.languages),
            each.source.licence or "not stated",
            _source(each.source),
        )
        for name, each in BENCHMARKS.items()
    ]
    forms = [
        (
            f"`{name}`",
            "a judge" if each.judged else ", ".join(each.answering),
            " ".join(f"`{variant}`" for variant in each.variants if variant),
            _tags(each.languages),
        )
        for name, each in BENCHMARKS.items()
    ]
    lines = [
        "# Benchmarks",
        f"{len(sources)} benchmarks. Rows come from the hub or from files that you have; none are "
        "in the package. [Measure](../measure.md) shows how to run them.",
        table(("task", "topic", "languages", "licence", "source"), sources),
        "## Prompts and languages",
        table(("task", "answered by", "variants of the prompt", "languages"), forms),
    ]
    return "\n\n".join(lines)


def _source(source: Any) -> str:
    if not source.hub:
        return " ".join(source.how_to_get.split())
    commit = f" at `{source.revision[:10]}`" if source.revision else ""
    return f"[{source.hub}](https://huggingface.co/datasets/{source.hub}){commit}"


PAGES: Mapping[str, Callable[[], str]] = {
    "keys": recipe_keys,
    "study-keys": study_keys,
    "recipes": recipes,
    "commands": commands,
    "python": api_page,
    "languages": languages,
    "benchmarks": benchmarks,
}
"""The generated pages by name."""


def _tags(tags: Sequence[str] | Mapping[str, str]) -> str:
    return " ".join(tags)


if __name__ == "__main__":
    write_pages()
