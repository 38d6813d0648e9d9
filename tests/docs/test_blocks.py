"""Every block of README.md and of the site: commands parse, plan or run; YAML loads; Python works.

A block ```LANGUAGE title="NAME"``` is also a file of that name for the commands of its page.
"""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from reference import PAGES
from typer.main import get_command

import isoglot as package
from isoglot.benchmarks.catalogue import benchmark_of
from isoglot.benchmarks.own import OwnBenchmarkConfig
from isoglot.commands.main import app
from isoglot.core.language_sets import expand
from isoglot.core.section import validated
from isoglot.core.yaml import read_yaml
from isoglot.recipe.loading import packaged
from isoglot.recipe.overrides import set_all
from isoglot.recipe.recipe import Recipe, load_recipe
from isoglot.study.grid import StudyConfig, cells_of

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "README.md", *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs/LOG.md"}))

QUICK = ("env", "import-rankings", "inspect", "languages", "new", "plan", "recipes")
"""Verbs that answer at once, and are run."""
OTHERS = ("docker", "git", "make", "pip", "python", "sbatch", "tensorboard")
"""Programs that are not isoglot's."""
LONG = ("isoglot.run(", "runs/demo")
"""Marks of Python that needs a whole run."""


class Block(NamedTuple):
    page: str
    language: str
    title: str
    text: str


class Command(NamedTuple):
    page: str
    words: list[str]
    output: list[str] | None
    """The documented output; None where there is none."""

    @property
    def is_error(self) -> bool:
        return bool(self.output and self.output[0].startswith("isoglot: "))


def blocks(page: str, text: str) -> list[Block]:
    found = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', text, re.M | re.S)
    assert text.count("```") == 2 * len(found), f"{page}: a block without a language"
    return [Block(page, *each) for each in found]


def all_blocks() -> list[Block]:
    written = {path.name: path.read_text(encoding="utf-8") for path in SOURCES}
    generated = {name: PAGES[name]() for name in ("commands",)}
    return [each for page, text in {**written, **generated}.items() for each in blocks(page, text)]


BLOCKS = all_blocks()


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a block, each part of `a && b` alone."""
    if block.language == "console":
        for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            line, _, output = part.partition("\n")
            shown = [each.rstrip() for each in output.splitlines() if each.strip()]
            yield Command(block.page, shlex.split(line, comments=True), shown or None)
    if block.language == "sh":
        for line in block.text.splitlines():
            for part in line.split(" && "):
                if words := shlex.split(part, comments=True):
                    yield Command(block.page, words, None)


COMMANDS = [each for block in BLOCKS for each in commands(block)]


def of_page(page: str, language: str) -> list[Block]:
    return [each for each in BLOCKS if (each.page, each.language) == (page, language)]


def parse(words: list[str]) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """Return the verb and its parameters, as the command line reads them."""
    command: Any = get_command(app)
    names: tuple[str, ...] = ()
    rest = words[1:]
    while hasattr(command, "commands"):
        name, *rest = rest
        command, names = command.commands[name], (*names, name)
    return names, command.make_context(" ".join(names), rest).params


def listed(text: str) -> list[str]:
    return [each for each in text.split(",") if each]


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = link.partition("#")
            if "://" not in link:
                target = (ROOT / (path or name)).resolve()
                assert target.is_file(), f"{name}: {link}"
                assert not anchor or anchor in anchors(target), f"{name}: {link}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub and the site write them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda each: " ".join([each.page, *each.words])[:80]
)
def test_a_command_is_one_of_the_command_line(command):
    words = command.words
    if words[0] != "isoglot":
        assert Path(words[0]).name in OTHERS
        return
    (verb, *_), given = parse(words[: words.index(">")] if ">" in words else words)
    if command.is_error:
        return
    if verb in ("evaluate", "judge") and given.get("tasks"):
        for task in listed(given["tasks"]):
            assert task.startswith("lab_") or (ROOT / task).is_file() or benchmark_of(task)
    if languages := given.get("languages"):
        assert expand(listed(languages))
    if verb in ("run", "plan") and given["recipe"] in packaged("recipe"):
        assert load_recipe(given["recipe"], given["overrides"] or [])
    if verb == "study" and not Path(given["study"]).suffix:
        assert given["study"] in packaged("study")


WITH_COMMANDS = {each.page for each in COMMANDS} - {"commands"}
SLOW = {"data.md", "model.md"}
"""Pages whose commands load a model, or plan several recipes."""


@pytest.mark.parametrize(
    "page",
    [
        *sorted(WITH_COMMANDS - SLOW),
        *(pytest.param(page, marks=pytest.mark.slow) for page in sorted(SLOW)),
    ],
)
def test_what_answers_at_once_answers_as_the_page_shows(isoglot, page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in BLOCKS:
        if block.page == page and block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
    for command in COMMANDS:
        words = command.words
        if command.page != page or words[0] != "isoglot":
            continue
        monkeypatch.setenv("COLUMNS", str(width_of(command)))
        if words[1] not in QUICK and "--check" not in words and not command.is_error:
            plan_of(isoglot, words)
        elif "--check" not in words or Path(words[3]).exists():
            run(isoglot, command)


def width_of(command: Command) -> int:
    """Return the width of the terminal that the documented output needs."""
    return max(80, *(len(line) + 20 for line in command.output or () if len(line) > 80), 0)


def run(isoglot: Any, command: Command) -> None:
    words, _, target = " ".join(command.words).partition(" > ")
    arguments = command.words[1:-2] if target else command.words[1:]
    code, out, err = isoglot(*arguments)
    assert code == (2 if command.is_error else 0), words + err
    if target:
        Path(target).write_text(out, encoding="utf-8")
    printed = {" ".join(line.split()) for line in (out + err).splitlines()}
    shown = [" ".join(line.split()) for line in command.output or ()]
    missing = [line for line in shown if line not in printed | {"…"}]
    assert not missing, f"{words}: {missing}"


def plan_of(isoglot: Any, words: list[str]) -> None:
    """Plan what a command would run, where its recipe is a file that an earlier command wrote."""
    (verb, *_), given = parse(words)
    if verb == "run" and Path(given["recipe"]).suffix:
        code, _, err = isoglot("plan", given["recipe"], *(given["overrides"] or []))
        assert code == 0, err


BASE: Mapping[str, Any] = {
    "name": "fragment",
    "languages": ["en", "de", "sw"],
    "policy": {"path": "lab"},
    "prompts": {"source": {"kind": "lab"}},
}
"""A recipe that the fragments of pages are set in."""


@pytest.mark.parametrize(
    "block", [each for each in BLOCKS if each.language == "yaml"], ids=lambda each: each.page
)
def test_yaml_loads(block):
    values = read_yaml(block.text, block.page)
    if "axes" in values:
        assert cells_of(validated(StudyConfig, values, block.page))
    elif "grader" in values:
        task = validated(OwnBenchmarkConfig, {"kind": "own", **values}, block.page)
        assert task.build().languages
    else:
        has_pairs = {"pair", "rounds", "privilege"} & set(values)
        recipe: dict[str, Any] = {**BASE, "translate": {}, "train": {"method": "dpo"}}
        if has_pairs:
            del recipe["translate"]
        for key, value in values.items():
            is_section = isinstance(value, dict) and isinstance(recipe.get(key), dict)
            set_all(recipe, {key: {**recipe[key], **value} if is_section else value})
        assert validated(Recipe, recipe, block.page)


PYTHON = [each for each in BLOCKS if each.language == "python" and each.page != "commands"]


@pytest.mark.parametrize("block", PYTHON, ids=lambda each: each.text[:40])
def test_python_compiles_and_uses_public_names(block):
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.value.id != "isoglot" or node.attr in package.__all__


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({each.page for each in PYTHON}))
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in of_page(page, "python"):
        if not any(mark in block.text for mark in LONG):
            exec(compile(block.text, block.page, "exec"), names)
    if page == "python.md":
        assert names["pair"].chosen_text == "2"
        assert names["result"]["lab_math", "sw"].n == 20
        assert names["policy"].is_dir()
