"""From an English instruction set to demonstrations in several languages: two translators and a
model that answers itself, of which each language takes the best."""

import json
import re
import signal

import pytest
from apples import ASKED, NAMES, SAID, rows_of
from serving import Misbehaving, answer
from test_resume import process
from tiny_run import contents, mtimes

from isoglot.commands.main import main
from isoglot.core.records import Completion, Demonstration, Dropped
from isoglot.core.store import DROPPED
from isoglot.line.pipeline import run_recipe
from isoglot.planning.plan import plan_of
from isoglot.recipe.recipe import Recipe, load_recipe

NUM = 5


def behave(handler, asked):
    """`good` translates, `bad` gives back what it got; `direct` answers, in Swahili in English."""
    request = next(m["content"] for m in asked.body["messages"] if m["role"] == "user")
    number = re.search(r"\d+", request).group()
    if asked.body["model"] == "direct":
        tag = next(tag for tag, text in ASKED.items() if text in request)
        text = SAID["es" if tag == "es" else "en"].format(number)
        text = text.replace(" today", "") if tag == "en" else text
    else:
        tag = next(tag for name, tag in NAMES.items() if f"in {name}" in request)
        tag = tag if asked.body["model"] == "good" else "en"
        is_asked = ASKED["en"] in request
        text = f"{ASKED[tag]}\n\n({number})" if is_asked else SAID[tag].format(number)
        text = f"<translation>{text}</translation>"
    answer(text)(handler, asked)


def values(policy, folder, url, **keys):
    """The recipe, and the instruction set that it reads."""
    rows = [
        {"instruction": ASKED["en"], "input": f"({700 + i})", "output": SAID["en"].format(700 + i)}
        for i in range(NUM)
    ]
    (folder / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    server = {"engine": "openai", "base_url": url, "cache": str(folder / "cache.sqlite")}
    return {
        "name": "mine",
        "languages": ["en", "es", "sw"],
        "families_per_shard": 2,
        "policy": {"engine": "transformers", "path": str(policy), "device": "cpu"},
        "prompts": {
            "translate_from": "en",
            "source": {
                "kind": "file",
                "path": str(folder / "set.jsonl"),
                "language": "en",
                "columns": {"prompt": "instruction", "input": "input", "completion": "output"},
            },
        },
        "samplers": [
            {"kind": "source", "answers_in": "dominant"},
            {**server, "model": "direct", "sampling": {"num_samples": 2, "temperature": 1}},
        ],
        "translator": [{**server, "model": "good"}, {**server, "model": "bad"}],
        "route": {"num_development_families": 3},
        "clean": {"max_similarity": None, "max_overlap": None},
        **keys,
    }


def short(name):
    return re.sub(r"@\S+", "", name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("routing")


@pytest.fixture(scope="module")
def whole(folder, tiny_model):
    """The recipe, its run, and how often each model was asked for it."""
    server = Misbehaving(default=behave)
    with server.serve() as url:
        recipe = Recipe.model_validate(values(tiny_model, folder, url))
        summary = run_recipe(recipe, folder / "whole", silent=True)
    models = [asked.body["model"] for asked in server.asked]
    return recipe, summary, {name: models.count(name) for name in set(models)}


def test_each_language_takes_its_best_way(whole, folder):
    _, summary, _ = whole
    table = summary.rounds[0].demonstrations
    assert table.num_families == 3
    found = {(way.language, short(way.way)): way for way in table.ways}
    assert {key for key, way in found.items() if way.is_chosen} == {
        ("en", "source"),  # what the set itself says
        ("es", "direct"),  # as good as translated, and at a tie a direct way comes first
        ("sw", "source via good"),
    }
    assert found["sw", "direct"].why == "off-target 1 > 0.1"
    assert found["sw", "source via bad"].why == "artefacts 1 > 0.2"
    assert found["sw", "source via good"].num_answers == 3
    assert found["es", "direct"].num_answers == 6, "two samples"
    assert 0 < found["en", "direct"].chrf <= found["en", "source"].chrf == 1.0
    assert found["es", "direct"].chrf is None, "no reference in Spanish"
    kept = rows_of(folder / "whole/round-0/clean", Demonstration)
    assert {(row.language, short(row.model)) for row in kept} == {
        ("en", "source"), ("es", "direct"), ("sw", "source via good"),
    }  # fmt: skip
    assert sorted(row.text for row in kept if row.language == "sw") == [
        SAID["sw"].format(700 + i) for i in range(NUM)
    ]
    assert kept[0].messages[0]["content"].startswith(f"{ASKED['en']}\n\n(70")
    assert table.kept == len(kept) == 3 * NUM
    assert table.dropped == {}
    assert rows_of(folder / "whole/round-0/route" / DROPPED, Dropped) == []


def test_every_translator_translates_what_needs_it_and_the_first_the_prompts(whole, folder):
    _, _, asked = whole
    assert asked == {"good": 2 * NUM + 2 * NUM, "bad": 2 * NUM, "direct": 2 * 3 * NUM}
    rows = rows_of(folder / "whole/round-0/translate", Completion)
    made = [row for row in rows if row.translated_from]
    assert {(short(row.sampler), short(row.translator)) for row in made} == {
        ("source", "good"), ("source", "bad"),
    }  # fmt: skip
    assert len(rows) == NUM + 2 * 3 * NUM + 2 * 2 * NUM


def test_the_plan_counts_what_the_run_makes(whole, folder):
    recipe, _, _ = whole
    works = plan_of(recipe).model_dump()["works"]
    num = {}
    for work in works:
        num[work["stage"]] = num.get(work["stage"], 0) + work["num"]
    counted = {
        stage: json.loads((folder / f"whole/round-0/{stage}/done.json").read_text())["counts"]
        for stage in num
    }
    assert num["prompts"] == counted["prompts"]["rows"] == NUM
    assert num["prompts"] + num["translate_prompts"] == counted["translate_prompts"]["rows"]
    assert num["generate"] == counted["generate"]["rows"]
    assert num["generate"] + num["translate"] == counted["translate"]["rows"]
    assert num["route"] == counted["route"]["kept"] == num["clean"]
    assert [work["num"] for work in works if work["stage"] == "translate"] == [2 * NUM] * 2


def made(run):
    """When each shard and the decision table were written."""
    return {**mtimes(run), "table": (run / "round-0/route/routes.json").stat().st_mtime_ns}


@pytest.mark.slow
@pytest.mark.usefixtures("whole")
def test_killed_in_routing_it_goes_on_at_the_shard(folder, tiny_model, capsys):
    out = folder / "killed"
    with Misbehaving(default=behave).serve() as url:
        (folder / "mine.yaml").write_text(json.dumps(values(tiny_model, folder, url)))
        command = ["run", str(folder / "mine.yaml"), "--out", str(out)]
        died = process(command, "round-0/route/part-00001.parquet")
        assert died.returncode == -signal.SIGKILL, died.stderr
        standing = {name: time for name, time in made(out).items() if DROPPED not in name}
        assert "round-0/route/part-00000.parquet" in standing
        assert "round-0/route/part-00001.parquet" not in standing
        with pytest.raises(SystemExit) as ended:
            main(command)
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "The generation route of each language" in shown
    assert standing.items() < made(out).items()
    again, before = (
        {n: data for n, data in contents(run / "round-0").items() if n.endswith(".parquet")}
        for run in (out, folder / "whole")
    )
    for stage in ("route", "clean"):  # who answered has the server's address in its revision
        kept = [
            [(row.language, row.text) for row in rows_of(run / "round-0" / stage, Demonstration)]
            for run in (out, folder / "whole")
        ]
        assert kept[0] == kept[1]
    assert again.keys() == before.keys()
    page = (out / "report.html").read_text()
    assert "The generation route of each language" in page
    assert "off-target 1 &gt; 0.1" in page


def test_a_language_without_a_way_is_named_and_left_out(folder, tiny_model, capsys):
    with Misbehaving(default=behave).serve() as url:
        keys = values(tiny_model, folder, url)
        server = keys["samplers"][1]
        keys |= {"samplers": [server], "translator": keys["translator"][0]}
        (folder / "few.yaml").write_text(json.dumps({**keys, "name": "few"}))
        with pytest.raises(SystemExit) as ended:
            main(["run", str(folder / "few.yaml"), "--out", str(folder / "few")])
    assert ended.value.code == 0
    shown = capsys.readouterr().out.replace("\n", " ")
    assert "Swahili (sw) has no route that passes: direct@" in shown
    dropped = rows_of(folder / "few/round-0/route" / DROPPED, Dropped)
    assert {(row.language, row.reason) for row in dropped} == {("sw", "no_route")}
    assert len(dropped) == NUM


BAD = [
    ({"train": {"method": "dpo"}}, "expected train.method sft, came 'dpo'"),
    ({"route": {"reward": "judge"}}, r"route.reward: .*there is none"),
    ({"route": {"without": "keep"}}, "route.without: Input should be 'drop' or 'best', got 'keep'"),
    ({"route": {"max_off_target": 1}}, "did you mean 'max_off_target_rate'"),
    (
        {
            "route": None,
            "samplers": [{"kind": "source"}],
            "pair": {"method": "best_vs_worst"},
            "score": {"scorers": [{"kind": "length"}]},
        },
        "several translators make several candidates for each prompt",
    ),
    ({"translator": []}, r"translator: .*got \[\]"),
    ({"prompts": {"source": {"kind": "lab"}}}, "kind source answers with the set's own answers"),
]


@pytest.mark.parametrize(("keys", "words"), BAD)
def test_a_recipe_that_cannot_work_is_refused(keys, words, tmp_path, tiny_model):
    recipe = values(tiny_model, tmp_path, "http://127.0.0.1:1/v1", **keys)
    (tmp_path / "bad.yaml").write_text(json.dumps(recipe))
    with pytest.raises(ValueError, match=words) as refused:
        load_recipe(str(tmp_path / "bad.yaml"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("languages", "words"),
    [
        (["es"], "translator.0 translates the prompts, and does not serve 'en'"),
        (["fr"], r"translator.0: expected languages of the recipe .*got 'fr'"),
    ],
)
def test_a_translator_serves_its_languages(languages, words, tmp_path, tiny_model):
    recipe = values(tiny_model, tmp_path, "http://127.0.0.1:1/v1")
    recipe["translator"][0]["languages"] = languages
    with pytest.raises(ValueError, match=words):
        Recipe.model_validate(recipe)
    recipe["translator"][0].pop("languages")
    recipe["translator"][1]["languages"] = ["sw"]
    num = [work["num"] for work in plan_of(Recipe.model_validate(recipe)).model_dump()["works"]
           if work["stage"] == "translate"]  # fmt: skip
    assert num == [2 * NUM, NUM]
