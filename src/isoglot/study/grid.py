"""A study: one YAML file, and the grid of recipes that it stands for."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from isoglot.core.errors import InputError
from isoglot.core.language_sets import expand
from isoglot.core.protocols import ScorerConfig
from isoglot.core.section import Section, validated
from isoglot.recipe.loading import load_yaml
from isoglot.recipe.models import resolve_paths
from isoglot.recipe.recipe import Recipe, load_recipe

SIZE = "size"
"""A key of an axis' value that is none of the recipe: how much data it stands for."""

RECIPE = "recipe"
"""Another: the recipe that the value stands for, in place of the study's."""


class OracleConfig(Section):
    """Judges by the grades of the task; an answer in another language than asked is worth 0."""

    kind: Literal["oracle"] = "oracle"
    name: str = "oracle"


JudgeConfig = Annotated[OracleConfig | ScorerConfig, Field(discriminator="kind")]
"""How the answers of two policies to one question are judged; of a scorer, more reward wins."""


def _text(value: Any) -> Any:
    """YAML reads `1200` as a number, which is a fine name."""
    return str(value) if isinstance(value, int | float) else value


Name = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[\w.=-]*\w[\w.=-]*$")]
"""Part of a folder's name: letters, digits and `_ . = -`."""

Values = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,)),
]

Selector = dict[Name, Values]
"""Cells by their values on some axes; of an axis that is not named, every value."""


Tags = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: expand(value) if isinstance(value, list | tuple) else value),
]
"""Tags and names of sets, as a recipe takes them."""

Languages = Literal["all", "trained", "unseen"] | Tags


class FindingConfig(Section):
    """A contrast of two sets of cells, which says whether a claim holds."""

    claim: str
    better: Selector
    than: Selector
    languages: Languages = "all"
    """Where the win-rates are taken: of cells that are compared, the languages that all of them
    train, or that none does; or these."""
    more_than_in: Languages | None = None
    """For claims that a difference is larger in `languages` than in these others."""
    margin: float = Field(0.0, ge=0, lt=1)
    """How much worse still counts, for claims of "at least as good"; of a win-rate from 0 to 1."""


class StudyConfig(Section):
    """A grid over recipe keys, and what is asked of it."""

    name: Name
    description: str = ""
    recipe: str
    """A `.yaml` file, or a name that `isoglot recipes` lists."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Recipe keys of every cell, as on the command line of `run`."""
    seeds: tuple[int, ...] = Field(min_length=1)
    task: str
    """The task of the recipe on which the last policy is compared with M0."""
    judges: tuple[JudgeConfig, ...] = Field((OracleConfig(),), min_length=1)
    """The first is the judge of record."""
    axes: dict[Name, dict[Name, dict[str, Any]]] = Field(min_length=1)
    """Axis → value → the recipe keys that it sets; of two axes that set one, the later wins. Two
    more keys are the study's own: `recipe`, another one to set them in, and `size`, how much data
    the value stands for."""
    skip: tuple[Selector, ...] = ()
    """Cells that are not run."""
    findings: tuple[FindingConfig, ...] = ()

    @field_validator("judges", mode="before")
    @classmethod
    def _kinds(cls, judges: Any) -> Any:
        if not isinstance(judges, list | tuple):
            return judges
        return tuple({"kind": entry} if isinstance(entry, str) else entry for entry in judges)

    @field_validator("axes", mode="before")
    @classmethod
    def _empty(cls, axes: Any) -> Any:
        """`dpo:` alone changes nothing of the recipe."""
        if not isinstance(axes, dict) or not all(isinstance(each, dict) for each in axes.values()):
            return axes
        return {axis: {k: v or {} for k, v in each.items()} for axis, each in axes.items()}

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
            raise InputError(f"{twice[0]} stands there twice; leave one out")
        return seeds


@dataclass(frozen=True)  # without slots, for what is worked out once
class Cell:
    """One combination of the axes' values, as a recipe for each seed."""

    values: Mapping[str, str]
    """Axis → value."""
    recipes: Mapping[int, Recipe]
    size: float | None
    """How much data it trains on: the `size` of its values, else families times languages."""

    @property
    def name(self) -> str:
        return "+".join(self.values.values())

    @property
    def recipe(self) -> Recipe:
        """That of any seed: they differ in nothing else."""
        return next(iter(self.recipes.values()))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Those that are trained, in the last round where rounds differ."""
        return self.recipe.different_rounds[-1].languages


def load_study(name_or_path: str) -> StudyConfig:
    """The study of a file, or of the package by its name.

    Raises InputError with what is wrong in it and where.
    """
    values = load_yaml("study", name_or_path)
    return validated(StudyConfig, resolve_paths(values), f"study {name_or_path}")


def cells_of(study: StudyConfig) -> list[Cell]:
    """The cells that are run, in the order of the axes' values.

    Every cell is evaluated in all languages that any cell, or the recipe, trains or evaluates: what
    a cell does not train is unseen there.

    Raises:
        InputError: a recipe that cannot be loaded; no such task, axis or value; nothing to compare.
    """
    _check_selectors(study)
    base = _load(study, {}, "the recipe with `overrides`")
    combinations = [
        dict(zip(study.axes, each, strict=True)) for each in product(*study.axes.values())
    ]
    wanted = [v for v in combinations if not any(matches(v, skip) for skip in study.skip)]
    if not wanted:
        raise InputError("skip: expected some cell that is run, got none; leave an entry out")
    loaded = [(values, _load(study, _settings(study, values), "+".join(values.values())))
              for values in wanted]  # fmt: skip
    tags = [*base.all_languages, *(tag for _, recipe in loaded for tag in recipe.all_languages)]
    evaluated = tuple(dict.fromkeys(tags))
    cells = [_cell(study, values, recipe, evaluated) for values, recipe in loaded]
    for finding in study.findings:
        _check_finding(finding, cells)
    return cells


def matches(values: Mapping[str, str], selector: Selector) -> bool:
    """Whether a cell is among those of a selector."""
    return all(values[axis] in wanted for axis, wanted in selector.items())


def pairs_of(
    finding: FindingConfig, cells: Sequence[Cell]
) -> Iterator[tuple[list[Cell], list[Cell]]]:
    """The cells on both sides of a finding, for each combination of the axes that it leaves open.

    Combinations that have cells on one side only are left out.
    """
    named = {*finding.better, *finding.than}
    groups: dict[tuple[str, ...], tuple[list[Cell], list[Cell]]] = {}
    for cell in cells:
        key = tuple(value for axis, value in cell.values.items() if axis not in named)
        sides = groups.setdefault(key, ([], []))
        for side, selector in zip(sides, (finding.better, finding.than), strict=True):
            if matches(cell.values, selector):
                side.append(cell)
    return ((better, than) for better, than in groups.values() if better and than)


def languages_of(group: str | Sequence[str], cells: Sequence[Cell]) -> list[str]:
    """Those of a group: `trained` are trained by all of the cells, `unseen` by none of them."""
    everyone = cells[0].recipe.all_languages
    if group == "trained":
        return [tag for tag in everyone if all(tag in cell.languages for cell in cells)]
    if group == "unseen":
        return [tag for tag in everyone if not any(tag in cell.languages for cell in cells)]
    return list(everyone) if group == "all" else list(group)


def _check_finding(finding: FindingConfig, cells: Sequence[Cell]) -> None:
    pairs = list(pairs_of(finding, cells))
    if not pairs:
        raise InputError(
            f"findings: {finding.claim!r} compares nothing: expected cells of `better` and "
            "`than` that agree on the other axes, got none; see `skip`"
        )
    everyone = cells[0].recipe.all_languages
    for group in (finding.languages, finding.more_than_in):
        for tag in () if group is None or isinstance(group, str) else group:
            if tag not in everyone:
                raise InputError(
                    f"findings: {finding.claim!r}: no cell is evaluated in {tag!r}; "
                    f"{_hint(tag, everyone)}"
                )
        if group is not None and not any(languages_of(group, [*a, *b]) for a, b in pairs):
            raise InputError(
                f"findings: {finding.claim!r} has no language: none is {group} in all of the cells "
                "that it compares; take other languages"
            )


def _settings(study: StudyConfig, values: Mapping[str, str]) -> dict[str, Any]:
    return {k: v for axis, value in values.items() for k, v in study.axes[axis][value].items()}


def _load(study: StudyConfig, settings: Mapping[str, Any], where: str) -> Recipe:
    # What a cell does not train is filled in later, so its own languages may be any.
    unseen: dict[str, Any] = {"unseen_languages": []} if "languages" in settings else {}
    given = {**study.overrides, **unseen, **settings}
    if "seed" in given:
        raise InputError(f"{where}: expected no key seed, which `seeds` sets; remove it")
    name = given.get(RECIPE, study.recipe)
    if not isinstance(name, str):
        raise InputError(f"{where}: recipe: expected the name of one, got {name!r:.60}")
    texts = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()
             if key not in (SIZE, RECIPE)]  # fmt: skip
    try:
        recipe = load_recipe(name, texts)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    names = [task.name for task in recipe.evaluate.tasks]
    if study.task not in names:
        raise InputError(
            f"{where}: no task {study.task!r} in `evaluate`; {_hint(study.task, names)}"
        )
    return recipe


def _cell(
    study: StudyConfig, values: Mapping[str, str], recipe: Recipe, evaluated: Sequence[str]
) -> Cell:
    name = "+".join(values.values())
    if not recipe.num_trainings:
        raise InputError(f"{name}: expected a recipe that trains, got one without `train:`")
    unseen = tuple(tag for tag in evaluated if tag not in recipe.languages)
    recipes = {
        seed: recipe.model_copy(update={"seed": seed, "unseen_languages": unseen})
        for seed in study.seeds
    }
    size = _settings(study, values).get(SIZE)
    if size is None and recipe.prompts.num_families is not None:
        size = recipe.prompts.num_families * len(recipe.languages)
    if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
        raise InputError(f"{name}: size: expected a number, got {size!r}")
    return Cell(values, recipes, size)


def _check_selectors(study: StudyConfig) -> None:
    places: list[tuple[str, Selector]] = [("skip", selector) for selector in study.skip]
    for finding in study.findings:
        places += [("findings", finding.better), ("findings", finding.than)]
    for place, selector in places:
        for axis, values in selector.items():
            if axis not in study.axes:
                raise InputError(f"{place}: no axis {axis!r}; {_hint(axis, study.axes)}")
            for value in values:
                if value not in study.axes[axis]:
                    hint = _hint(value, study.axes[axis])
                    raise InputError(f"{place}: no value {value!r} on axis {axis!r}; {hint}")
    names = [judge.name for judge in study.judges]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"judges: {twice[0]!r} names two; give one of them another `name`")


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
