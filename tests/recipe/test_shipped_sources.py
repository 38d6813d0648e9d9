"""Every shipped recipe for a stranger: its sources are packaged, public, or asked for by name."""

import json
import re
from pathlib import Path

import pytest
from jinja2 import Environment

from isoglot.core.hub import is_commit
from isoglot.core.records import Preference
from isoglot.core.row_sources import FileRowsConfig, HubRowsConfig
from isoglot.core.store import read_shard, shard_paths
from isoglot.line.pipeline import run_recipe
from isoglot.models.file import FileSamplerConfig
from isoglot.models.local.template import read_template
from isoglot.recipe.loading import load_yaml, packaged
from isoglot.recipe.recipe import load_recipe, recipe_names
from isoglot.train.policy import Policy

PUBLIC = {
    "anon8231489123/ShareGPT_Vicuna_unfiltered",
    "databricks/databricks-dolly-15k",
    "openai/gsm8k",
    "tatsu-lab/alpaca",
}


def sources(recipe):
    """The sources of prompts of all rounds and tasks."""
    for each in recipe.different_rounds:
        found = each.prompts.source
        yield from found if isinstance(found, tuple) else (found,)
    yield from (task.prompts for task in recipe.evaluate.all_tasks)


@pytest.fixture(autouse=True)
def outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", recipe_names())
def test_each_source_is_packaged_public_or_named_when_it_is_missing(name, isoglot, tmp_path):
    asked = []
    for source in sources(load_recipe(name)):
        if isinstance(source, HubRowsConfig):
            assert source.path in PUBLIC, "look at the set before it is shipped"
            assert is_commit(source.revision)
        elif isinstance(source, FileRowsConfig):
            assert "prompts.source.path" in source.how_to_get
            asked.append(source.path)
        else:
            assert source.kind in ("lab", "benchmark")
    if not asked:
        return
    code, _, err = isoglot("run", name)
    assert code == 2
    assert err.count("\n") == 1
    assert f"expected the files {asked[0]}, came none; bring " in err
    assert "prompts.source.path" in err
    assert not any(tmp_path.iterdir()), "nothing is written"


@pytest.mark.parametrize("name", recipe_names())
def test_no_other_path_is_one_of_this_machine(name):
    recipe = load_recipe(name)
    paths = {each.path for each in sources(recipe) if isinstance(each, FileRowsConfig)}
    for each in recipe.different_rounds:
        for sampler in each.samplers:
            if isinstance(sampler, FileSamplerConfig):
                assert str(sampler.path) in paths, "the file that the error asks for"
    text = Path(packaged_text(name)).as_posix()
    assert not re.search(r"(^|[ {:])\.\.?/", text, re.M)
    template = recipe.policy.chat_template
    if template is not None:
        assert Environment().from_string(read_template(template))


def packaged_text(name: str) -> str:
    return str(load_yaml("recipe", name))


def test_the_template_of_bloom_is_that_of_the_released_code():
    template = load_recipe("xllms-100-bloom-7b1").policy.chat_template
    turns = [{"role": "user", "content": "7?"}, {"role": "assistant", "content": "7"}]
    render = Environment().from_string(template).render
    assert render(messages=turns, eos_token="</s>") == "Question: 7?\n\nAnswer: 7</s>"
    assert render(messages=turns[:1], eos_token="</s>") == "Question: 7?\n\nAnswer: "
    assert Policy("x", template=template).template == read_template(template)


def test_own_completions_run_on_one_file_of_answers(tmp_path):
    words = {"en": "Where is the nearest river, please?", "es": "¿Dónde está el río más cercano?"}
    answers = {"en": "It is behind the old house.", "es": "Está detrás de la casa vieja."}
    rows = [
        {"prompt": f"{text} ({i})", "language": tag, "model": model, "completion": answers[said]}
        for i in range(2)
        for tag, text in words.items()
        for model, said in (("model-a", tag), ("model-b", "en"))
    ]
    (tmp_path / "completions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = load_recipe("own-completions", ["languages=[en, es]", "train=null"])
    run_recipe(recipe, tmp_path / "run", silent=True)
    paths = shard_paths(tmp_path / "run/round-0/filter")
    pairs = [pair for path in paths for pair in read_shard(path, Preference)]
    assert [(pair.language, pair.chosen_text) for pair in pairs] == [("es", answers["es"])] * 2


def test_the_recipes_are_all_looked_at():
    assert recipe_names() == packaged("recipe")
