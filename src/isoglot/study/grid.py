"""The YAML file of a study, and the grid of recipes that it describes."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from isoglot.core.errors import InputError, did_you_mean
from isoglot.core.language_sets import expand
from isoglot.core.scorers import ScorerConfig
from isoglot.core.section import Section, validated
from isoglot.recipe.loading import load_yaml
from isoglot.recipe.models import resolve_paths
from isoglot.recipe.recipe import Recipe, load_recipe

_SIZE, _RECIPE = "size", "recipe"
"""Keys of an axis' value that are the study's own: see `StudyConfig.axes`."""


class OracleConfig(Section):
    """Judges by the grades of the task; an off-target answer has the grade 0."""

    kind: Literal["oracle"] = "oracle"
    name: str = "oracle"
    """Name of the judge, in tables."""


StudyJudgeConfig = Annotated[OracleConfig | ScorerConfig, Field(discriminator="kind")]
"""The judge of two policies' answers to one prompt; by a scorer, the higher reward wins."""

_Name = Annotated[
    str,
    # YAML reads `1200` as a number, which is a fine name.
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    Field(pattern=r"^[\w.=-]*\w[\w.=-]*$"),
]
"""Part of a folder's name: letters, digits and `_ . = -`."""

_Values = Annotated[
    tuple[_Name, ...],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,)),
]

Selector = dict[_Name, _Values]
"""Cells by their values on some axes; an axis that is not named may have every value."""

_Tags = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: expand(value) if isinstance(value, list | tuple) else value),
]
"""Tags and names of sets, as a recipe takes them."""

_Languages = Literal["all", "trained", "unseen"] | _Tags


class FindingConfig(Section):
    """A contrast of two sets of cells, which says whether a claim holds."""

    claim: str
    """The claim in words, as the page shows it."""
    better: Selector
    """Cells that the claim expects to win."""
    than: Selector
    """Cells that they are compared with."""
    languages: _Languages = "all"
    """The languages of the win rates: these, or those of the compared cells that all of them train,
    or that none does."""
    more_than_in: _Languages | None = None
    """For claims that a difference is larger in `languages` than in these others."""
    margin: float = Field(0.0, ge=0, lt=1)
    """Loss that still counts, for claims of "at least as good"; of a win rate from 0 to 1."""


class BudgetConfig(Section):
    """The compute of every cell, so that their results compare: tokens of one run, all rounds."""

    tokens: int = Field(gt=0)
    """Tokens that its models write and its trainings read; evaluations and judges are left out."""
    tolerance: float = Field(0.05, ge=0, lt=1)
    """Share of `tokens` by which a cell may miss them. One that misses them by more is marked."""


class StudyConfig(Section):
    """A grid over recipe keys, and the claims to check with it."""

    name: _Name
    """Name of the study, and of its folder (`runs/NAME`)."""
    description: str = ""
    """One sentence, as the page shows it."""
    recipe: str
    """A `.yaml` file, or a name that `isoglot recipes` lists."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Recipe keys of every cell, as on the command line of `run`."""
    seeds: tuple[int, ...] = Field(min_length=1)
    """Seeds with which every cell is run."""
    task: str
    """The task of the recipe on which the last policy is compared with M0."""
    judges: tuple[StudyJudgeConfig, ...] = Field((OracleConfig(),), min_length=1)
    """The first is the judge of record."""
    axes: dict[_Name, dict[_Name, dict[str, Any]]] = Field(min_length=1)
    """Axis → value → the recipe keys that it sets; the later of two axes that set one wins. Two
    more keys are the study's own: `recipe`, another one to set them in, and `size`, the amount of
    data of the value."""
    skip: tuple[Selector, ...] = ()
    """Cells that are not run."""
    findings: tuple[FindingConfig, ...] = ()
    """Claims that the study checks."""
    budget: BudgetConfig | None = None
    """Compute to which every cell is held."""

    @field_validator("judges", mode="before")
    @classmethod
    def _expand_kinds(cls, judges: Any) -> Any:
        if not isinstance(judges, list | tuple):
            return judges
        return tuple({"kind": entry} if isinstance(entry, str) else entry for entry in judges)

    @field_validator("axes", mode="before")
    @classmethod
    def _fill_empty(cls, axes: Any) -> Any:
        """`dpo:` alone changes nothing of the recipe."""
        if not isinstance(axes, dict) or not all(isinstance(each, dict) for each in axes.values()):
            return axes
        return {axis: {k: v or {} for k, v in each.items()} for axis, each in axes.items()}

    @field_validator("seeds")
    @classmethod
    def _check_distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
            raise InputError(f"{twice[0]} is there twice; leave one out")
        return seeds

    def settings_of(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Merge the keys that a cell's values set."""
        return {k: v for axis, value in values.items() for k, v in self.axes[axis][value].items()}


@dataclass(frozen=True)  # without slots, for the cached property
class GridCell:
    """One combination of the axes' values, as a recipe for each seed."""

    values: Mapping[str, str]
    """Axis → value."""
    recipes: Mapping[int, Recipe]
    size: float | None
    """The amount of data: the `size` of its values, else families times languages."""

    @property
    def name(self) -> str:
        return "+".join(self.values.values())

    @property
    def recipe(self) -> Recipe:
        """The recipe of any seed: they differ in nothing else."""
        return next(iter(self.recipes.values()))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages that are trained, in the last round where rounds differ."""
        return self.recipe.different_rounds[-1].languages


def load_study(name_or_path: str) -> StudyConfig:
    """Load the study of a file, or of the package by its name.

    Raises:
        InputError: something is wrong in it; says what and where.
    """
    values = load_yaml("study", name_or_path)
    return validated(StudyConfig, resolve_paths(values), f"study {name_or_path}")


def cells_of(study: StudyConfig) -> list[GridCell]:
    """Return the cells that are run, in the order of the axes' values.

    Every cell is evaluated in all languages that any cell, or the recipe, trains or evaluates;
    those that a cell does not train are unseen there.

    Raises:
        InputError: a recipe that cannot be loaded; no such task, axis or value; nothing to compare.
    """
    _check_selectors(study)
    base = _load(study, {}, "the recipe with `overrides`")
    combinations = [
        dict(zip(study.axes, each, strict=True)) for each in product(*study.axes.values())
    ]
    wanted = [v for v in combinations if not any(_matches(v, skip) for skip in study.skip)]
    if not wanted:
        raise InputError("skip: expected some cell that is run, got none; leave an entry out")
    loaded = [
        (values, _load(study, study.settings_of(values), "+".join(values.values())))
        for values in wanted
    ]
    tags = [*base.all_languages, *(tag for _, recipe in loaded for tag in recipe.all_languages)]
    evaluated = tuple(dict.fromkeys(tags))
    cells = [_cell(study, values, recipe, evaluated) for values, recipe in loaded]
    for finding in study.findings:
        _check_finding(finding, cells)
    return cells


def compared_cells(
    finding: FindingConfig, cells: Sequence[GridCell]
) -> Iterator[tuple[list[GridCell], list[GridCell]]]:
    """Yield the cells on both sides of a finding, for each combination of the other axes.

    Combinations that have cells on one side only are left out.
    """
    named = {*finding.better, *finding.than}
    groups: dict[tuple[str, ...], tuple[list[GridCell], list[GridCell]]] = {}
    for cell in cells:
        key = tuple(value for axis, value in cell.values.items() if axis not in named)
        sides = groups.setdefault(key, ([], []))
        for side, selector in zip(sides, (finding.better, finding.than), strict=True):
            if _matches(cell.values, selector):
                side.append(cell)
    return ((better, than) for better, than in groups.values() if better and than)


def group_languages(group: str | Sequence[str], cells: Sequence[GridCell]) -> list[str]:
    """Return the languages of a group: all of the cells train `trained`, none of them `unseen`."""
    everyone = cells[0].recipe.all_languages
    if group == "trained":
        return [tag for tag in everyone if all(tag in cell.languages for cell in cells)]
    if group == "unseen":
        return [tag for tag in everyone if not any(tag in cell.languages for cell in cells)]
    return list(everyone) if group == "all" else list(group)


def _matches(values: Mapping[str, str], selector: Selector) -> bool:
    return all(values[axis] in wanted for axis, wanted in selector.items())


def _check_selectors(study: StudyConfig) -> None:
    selectors = [("skip", selector) for selector in study.skip]
    for finding in study.findings:
        selectors += [("findings", finding.better), ("findings", finding.than)]
    for key, selector in selectors:
        for axis, values in selector.items():
            if axis not in study.axes:
                raise InputError(f"{key}: no axis {axis!r}; {_hint(axis, study.axes)}")
            for value in values:
                if value not in study.axes[axis]:
                    hint = _hint(value, study.axes[axis])
                    raise InputError(f"{key}: no value {value!r} on axis {axis!r}; {hint}")
    names = [judge.name for judge in study.judges]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"judges: {twice[0]!r} names two; give one of them another `name`")


def _check_finding(finding: FindingConfig, cells: Sequence[GridCell]) -> None:
    pairs = list(compared_cells(finding, cells))
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
        if group is not None and not any(group_languages(group, [*a, *b]) for a, b in pairs):
            raise InputError(
                f"findings: {finding.claim!r} has no language: none is {group} in all of the cells "
                "that it compares; take other languages"
            )


def _load(study: StudyConfig, settings: Mapping[str, Any], place: str) -> Recipe:
    """Load the recipe with a cell's settings; `place` begins the messages."""
    # The languages that a cell does not train are filled in later, so its own ones may be any.
    unseen: dict[str, Any] = {"unseen_languages": []} if "languages" in settings else {}
    given = {**study.overrides, **unseen, **settings}
    if "seed" in given:
        raise InputError(f"{place}: expected no key seed, which `seeds` sets; remove it")
    name = given.get(_RECIPE, study.recipe)
    if not isinstance(name, str):
        raise InputError(f"{place}: recipe: expected the name of one, got {name!r:.60}")
    overrides = [
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in given.items()
        if key not in (_SIZE, _RECIPE)
    ]
    try:
        recipe = load_recipe(name, overrides)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    names = [task.name for task in recipe.evaluate.tasks]
    if study.task not in names:
        raise InputError(
            f"{place}: no task {study.task!r} in `evaluate`; {_hint(study.task, names)}"
        )
    return recipe


def _cell(
    study: StudyConfig, values: Mapping[str, str], recipe: Recipe, evaluated: Sequence[str]
) -> GridCell:
    name = "+".join(values.values())
    if not recipe.num_trainings:
        raise InputError(f"{name}: expected a recipe that trains, got one without `train:`")
    unseen = tuple(tag for tag in evaluated if tag not in recipe.languages)
    recipes = {
        seed: recipe.model_copy(update={"seed": seed, "unseen_languages": unseen})
        for seed in study.seeds
    }
    size = study.settings_of(values).get(_SIZE)
    if size is None and recipe.prompts.num_families is not None:
        size = recipe.prompts.num_families * len(recipe.languages)
    if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
        raise InputError(f"{name}: size: expected a number, got {size!r}")
    return GridCell(values, recipes, size)


def _hint(name: str, known: Collection[str]) -> str:
    return did_you_mean(name, known, f"expected one of {', '.join(known)}")
