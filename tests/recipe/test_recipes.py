"""Recipes: each of the package loads, every key is read, and YAML is 1.2."""

import ast
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from isoglot.core.section import Section
from isoglot.recipe.recipe import Recipe, load_recipe, recipe_names, resolved

SRC = Path(__file__).parents[2] / "src" / "isoglot"


def sections(section: type[BaseModel]) -> set[type[Section]]:
    """A section's class and those of every section in it."""
    found = {section}
    for field in section.model_fields.values():
        for kind in classes_in(field.annotation):
            if kind not in found:
                found |= sections(kind)
    return found


def classes_in(annotation) -> set[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return {annotation}
    inner = getattr(annotation, "__args__", ())
    return set().union(*(classes_in(part) for part in inner)) if inner else set()


def owners(root: type[Section]) -> dict[type[Section], set[str]]:
    """Each section of a recipe, and the keys that hold one."""
    found: dict[type[Section], set[str]] = {}
    for section in sections(root):
        for key, field in section.model_fields.items():
            for kind in classes_in(field.annotation):
                found.setdefault(kind, set()).add(key)
    return found


def names_in_modules() -> list[tuple[set[str], set[str]]]:
    """Of each module the names that it uses, and the attributes that it reads."""
    modules = []
    for path in SRC.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        read = {n.attr for n in nodes if isinstance(n, ast.Attribute) and type(n.ctx) is ast.Load}
        names = {n.id for n in nodes if isinstance(n, ast.Name)}
        names |= {n.name for n in nodes if isinstance(n, ast.ClassDef)}
        modules.append((names | read, read))
    return modules


def unread_keys(root: type[Section]) -> set[str]:
    """Keys that no module reads which has the section in its hands.

    That is a module that names the class, a base of it or `load_recipe`, or reads a key that holds
    such a section.
    """
    modules, held_by = names_in_modules(), owners(root)
    unread = set()
    for section in sections(root):
        classes = {base.__name__ for base in section.__mro__ if issubclass(base, Section)}
        classes = classes - {"Section"} | (
            {"load_recipe"} if issubclass(section, Recipe) else set()
        )
        holders = held_by.get(section, set())
        reads = [read for names, read in modules if classes & names or holders & read]
        # pydantic itself reads `kind`, to find the class
        there = set().union({"kind"}, *reads)
        unread |= {f"{section.__name__}.{key}" for key in section.model_fields if key not in there}
    return unread


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_of_the_package_loads(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert len(recipe.description) < 120
    again = Recipe.model_validate(resolved(recipe))
    assert again == recipe, "what run.json holds is the recipe"


def test_the_recipes_of_the_package():
    aya = {"rlhf-aya23-8b-dpo", "rlhf-aya23-8b-rloo"}
    assert {"lidr", "lidr-lab", "own-completions"} | aya <= set(recipe_names())


class Unread(Section):
    """A section whose keys have common names, and that nothing reads."""

    path: str = ""
    seed: int = 0


class RecipeWithUnread(Recipe):
    """A recipe with a section that nothing reads."""

    forgotten: Unread = Unread()


def test_every_key_of_every_section_is_read():
    found = sections(Recipe)
    assert {section.__name__ for section in found} >= {
        "Recipe", "PromptsConfig", "LabPromptConfig", "FileRowsConfig", "RowColumns",
        "HubRowsConfig", "ListRowsConfig",
        "WeightsConfig", "FileMember", "GenerateConfig", "Sampling", "TrainConfig",
        "LoraConfig", "PairConfig", "FilterConfig", "EvaluateConfig", "EvaluationTask",
    }  # fmt: skip
    assert unread_keys(Recipe) == set()
    missed = unread_keys(RecipeWithUnread)
    assert missed == {"RecipeWithUnread.forgotten", "Unread.path", "Unread.seed"}


def test_every_key_of_a_shipped_recipe_is_explained_by_its_class():
    for section in sections(Recipe):
        assert section.__doc__, section.__name__


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def lab_recipe(**changes):
    text = (SRC / "recipe/shipped/lidr-lab.yaml").read_text(encoding="utf-8")
    for key, value in changes.items():
        text = re.sub(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE)
    return text


def test_no_is_norwegian_and_not_false(tmp_path):
    recipe = load_recipe(written(tmp_path, lab_recipe(languages="[en, no]")))
    assert recipe.languages == ("en", "nb")
    assert load_recipe("lidr-lab", ["unseen_languages=[no]"]).unseen_languages == ("nb",)


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "y", "n"])
def test_only_true_and_false_are_booleans(word):
    assert load_recipe("lidr-lab", [f"name={word}"]).name == word


def test_numbers_as_people_write_them():
    overrides = ["train.training.learning_rate=1e-6", "families_per_shard=010"]
    recipe = load_recipe("lidr-lab", overrides)
    assert recipe.train.training["learning_rate"] == pytest.approx(1e-6)
    assert isinstance(recipe.train.training["learning_rate"], float)
    assert recipe.families_per_shard == 10, "not octal"


def test_a_key_twice_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"is not YAML: .*duplicate key"):
        load_recipe(written(tmp_path, lab_recipe() + "\nseed: 2\n"))


def test_overrides_reach_everywhere_and_leave_the_rest():
    recipe = load_recipe(
        "lidr-lab", ["train.lora.r=4", "evaluate.tasks.1.num_families=7", "score=null"]
    )
    plain = load_recipe("lidr-lab")
    assert recipe.train.lora.r == 4
    assert [task.num_families for task in recipe.evaluate.tasks][1] == 7
    assert recipe.evaluate.tasks[0] == plain.evaluate.tasks[0]
    assert recipe.train.training == plain.train.training
    assert recipe.pair == plain.pair


def test_aliases_become_tags():
    recipe = load_recipe("lidr-lab", ["languages=[en, zh, iw]", "unseen_languages=[]"])
    assert recipe.languages == ("en", "zh-Hans", "he")


def test_a_recipe_is_frozen():
    recipe = load_recipe("lidr-lab")
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 2


def test_prompts_may_be_a_list_of_rows_or_a_path_alone():
    rows = ["Name a river.", {"prompt": "Nenne einen Fluss.", "language": "de"}]
    source = load_recipe("lidr-lab", {"prompts.source": rows}).prompts.source
    assert (source.kind, source.rows) == ("list", tuple(rows))
    path = load_recipe("lidr-lab", {"prompts.source": {"path": "a.jsonl"}}).prompts.source
    assert (path.kind, path.path) == ("file", "a.jsonl")
    both = load_recipe("lidr-lab", {"prompts.source": [{"path": "a.jsonl"}, {"path": "b.csv"}]})
    assert [each.path for each in both.prompts.source] == ["a.jsonl", "b.csv"]
    again = load_recipe(load_recipe("lidr-lab", {"prompts.source": rows}), {"seed": 3})
    assert again.prompts.source == source
    with pytest.raises(ValueError, match=r"prompts\.source"):
        load_recipe("lidr-lab", {"prompts.source": [3]})
