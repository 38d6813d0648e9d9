"""Several samplers on one line: some answer in the language, some in English and are translated."""

import gc
import json
import re
from pathlib import Path

import pytest
from apples import ASKED, NAMES, SAID, rows_of
from serving import Misbehaving, answer
from tiny_run import contents, mtimes, tiny_recipe

from isoglot.core.records import Completion, Dropped, Preference, Prompt
from isoglot.core.store import DROPPED
from isoglot.execute.local import map_shards
from isoglot.line.answers import make_completions
from isoglot.line.job import Job, Shards
from isoglot.line.pipeline import run_recipe
from isoglot.line.prompts import make_prompts
from isoglot.report.pages.run_notes import notes_of

NUM = 4


def translated(handler, asked):
    """Translates the sentence of `SAID`; in Swahili the number of the last family goes lost."""
    request = next(m["content"] for m in asked.body["messages"] if m["role"] == "user")
    tag = next(tag for name, tag in NAMES.items() if f"in {name}" in request)
    number = int(re.search(r"\d+", request).group())
    is_lost = tag == "sw" and number == 700 + NUM - 1
    text = SAID[tag].format("kadhaa" if is_lost else number)
    answer(f"<translation>{text}</translation>", usage=(10, 1000))(handler, asked)


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def files(tmp_path):
    """Prompts, a strong model that is wrong in Spanish, and a weak one that knows English alone."""
    keys = [(i, tag) for i in range(NUM) for tag in ASKED]
    prompts = [{"i": i, "l": t, "text": f"{ASKED[t]} ({i})", "gold": str(700 + i)} for i, t in keys]
    strong = [
        {"i": i, "l": t, "completion": SAID[t].format(700 + i if t != "es" else 99)}
        for i, t in keys
    ]
    weak = [{"i": i, "l": "en", "completion": SAID["en"].format(700 + i)} for i in range(NUM)]
    for name, rows in (("prompts", prompts), ("strong", strong), ("weak", weak)):
        write(tmp_path / f"{name}.jsonl", rows)
    return tmp_path


def member(files, name, more=""):
    return f"{{engine: file, path: {files}/{name}.jsonl, id_columns: [i, l]{more}}}"


WEAK = ", answers_in: dominant"


def pool_recipe(policy, files, url, *more, weak=WEAK):
    server = f"{{engine: openai, model: m, base_url: '{url}', cache: {files}/cache.sqlite}}"
    keys = {
        "unseen_languages": "[]",
        "rounds": "1",
        "families_per_shard": "2",
        "evaluate": "{}",
        "train": "null",
        "translate": "null",
        "translator": server,
        "prompts.num_families": "null",
        "prompts.source": f"{{kind: file, path: {files}/prompts.jsonl, family: [i], id: [i, l], "
        "columns: {prompt: text, language: l, gold: gold}}",
        "samplers": f"[{member(files, 'strong')}, {member(files, 'weak', weak)}]",
        "score": "{scorers: [{kind: gold, grader: last_number}]}",
        "pair.method": "best_vs_worst",
        "filter.filters": "[translation_failed, cut_off, empty, same_text]",
    }
    return tiny_recipe(policy, *(f"{key}={value}" for key, value in keys.items()), *more)


def told(preferences):
    """Language, family, who is chosen and who rejected, without revisions."""
    names = [(re.sub(r"@\S+", "", p.chosen_model), re.sub(r"@\S+", "", p.rejected_model))
             for p in preferences]  # fmt: skip
    return [(p.language, p.chosen_text, *name) for p, name in zip(preferences, names, strict=True)]


def test_translated_and_direct_answers_of_one_prompt_are_ranked_together(files, tiny_model):
    out, server = files / "run", Misbehaving(default=translated)
    with server.serve() as url:
        summary = run_recipe(pool_recipe(tiny_model, files, url), out, silent=True)
        asked = len(server.asked)
        assert asked == 2 * NUM, "English answers of one member, into two languages, and no more"
        run_recipe(pool_recipe(tiny_model, files, url), out, silent=True)
    assert len(server.asked) == asked
    preferences = rows_of(out / "round-0/filter", Preference)
    assert sorted(told(preferences)) == sorted(
        [("es", SAID["es"].format(700 + i), "weak via m", "strong") for i in range(NUM)]
        + [("sw", SAID["sw"].format(703), "strong", "weak via m")]
    )
    rows = rows_of(out / "round-0/score", Completion)
    made = [row for row in rows if row.translated_from]
    assert len(rows) == NUM * (3 + 1 + 2)
    assert {row.sampler.split("@")[0] for row in made} == {"weak"}
    assert {row.translator.split("@")[0] for row in made} == {"m"}
    assert [row.artefact for row in made if row.artefact] == ["lost_number"]
    lost = {row.language: (row.what, row.kept, row.lost)
            for row in summary.rounds[0].translations}  # fmt: skip
    assert lost == {"es": ("answers", NUM, {}), "sw": ("answers", NUM - 1, {"lost_number": 1})}
    rates = {(row.sampler, row.language): row for row in summary.audit.rows}
    names = {(re.sub(r"@\S+", "", name), tag) for name, tag in rates}
    assert names == {
        *(("strong", tag) for tag in ASKED),
        ("weak", "en"),
        ("weak via m", "es"),
        ("weak via m", "sw"),
    }


def test_prompts_that_a_file_lacks_are_counted_in_the_results_of_the_run(files, tiny_model):
    rows = (files / "strong.jsonl").read_text().splitlines(keepends=True)
    (files / "strong.jsonl").write_text("".join(rows[2:]))
    with Misbehaving(default=translated).serve() as url:
        summary = run_recipe(pool_recipe(tiny_model, files, url), files / "run", silent=True)
    ((stage, lacking),) = summary.rounds[0].failures.items()
    assert (stage, list(lacking.values())) == ("generate", [{"not in the file": 2}])
    (note,) = notes_of(summary)
    assert re.sub(r"@\S+", "", note) == (
        "Round 0, generate: strong gave no answer to 2 requests (not in the file 2)"
    )


def test_artefacts_can_be_left_out(files, tiny_model):
    with Misbehaving(default=translated).serve() as url:
        recipe = pool_recipe(tiny_model, files, url, "score.gates=[artefact]")
        run_recipe(recipe, files / "run", silent=True)
    preferences = rows_of(files / "run/round-0/filter", Preference)
    assert {p.language for p in preferences} == {"es"}
    assert rows_of(files / "run/round-0/filter" / DROPPED, Dropped) == []


def test_a_member_serves_its_languages_only(files, tiny_model):
    weak = f"{WEAK}, languages: [en, es], sampling: {{num_samples: 2}}"
    few = pool_recipe(tiny_model, files, "http://127.0.0.1:1/v1", "languages=[en, es]", weak=weak)
    assert few.samplers[1].sampling.max_new_tokens == few.generate.sampling.max_new_tokens == 8
    with Misbehaving(default=translated).serve() as url:
        twice = "generate.sampling.num_samples=2"
        weak = f"{WEAK}, languages: [en, es]"
        recipe = pool_recipe(tiny_model, files, url, twice, weak=weak)
        run_recipe(recipe, files / "run", silent=True)
    rows = rows_of(files / "run/round-0/score", Completion)
    assert {row.language for row in rows if row.sampler.startswith("weak")} == {"en", "es"}
    assert {row.language for row in rows if row.sampler.startswith("strong")} == set(ASKED)


def test_a_killed_pool_goes_on_shard_by_shard(files, tiny_model):
    out = files / "run"
    with Misbehaving(default=translated).serve() as url:
        recipe = pool_recipe(tiny_model, files, url)
        run_recipe(recipe, out, silent=True)
        whole = contents(out / "round-0/pair")
        (out / "round-0/generate/done.json").unlink()
        (out / "round-0/generate/part-00001.parquet").unlink()
        (out / "round-0/generate/samplers/01/part-00001.parquet").unlink()
        before = mtimes(out / "round-0/generate")
        run_recipe(recipe, out, silent=True)
    after = mtimes(out / "round-0/generate")
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2
    assert contents(out / "round-0/pair") == whole


def test_a_server_translates_for_lidr_within_a_cap_and_nothing_is_asked_twice(files, tiny_model):
    """Both ways, with another model than the policy and no `translate:` section."""
    out, server = files / "run", Misbehaving(default=translated)
    lidr = ("score=null", "pair.method=translated_vs_direct")
    alone = f"samplers=[{member(files, 'strong')}]"
    prices = "usd_per_million_prompt_tokens: 0, usd_per_million_completion_tokens: 1000"
    with server.serve() as url:

        def capped(usd):
            settings = f"model: m, base_url: '{url}', cache: {files}/cache.sqlite, {prices}"
            translator = f"translator={{engine: openai, {settings}, max_cost_usd: {usd}}}"
            return pool_recipe(tiny_model, files, url, *lidr, alone, translator)

        with pytest.raises(ValueError, match=r"max_cost_usd is 6 and .* a higher max_cost_usd"):
            run_recipe(capped(6), out, silent=True)
        assert 0 < len(server.asked) <= 6, "1 USD each"
        summary = run_recipe(capped(100), out, silent=True)
    assert len(server.asked) == NUM * 3 + 1, "the wrong Spanish answers are one and the same"
    rows = rows_of(out / "round-0/translate", Completion)
    assert {row.translator.split("@")[0] for row in rows if row.translated_from} == {"m"}
    found = set(told(rows_of(out / "round-0/filter", Preference)))
    for i in range(NUM):
        assert ("es", SAID["es"].format(700 + i), "strong via m", "strong") in found
        assert ("en", SAID["en"].format(700 + i), "strong", "strong via m") in found
    assert summary.rounds[0].translations == [], "LIDR's filters name what is lost"


class Watched(Job):
    """A job that counts the models in memory as each pass over the shards begins."""

    def executor(self, *_models):
        def counting(*arguments, **options):
            from transformers import LlamaForCausalLM

            num = sum(type(each) is LlamaForCausalLM for each in gc.get_objects())
            counts = self.inputs["counts"].folder
            (counts / f"{len(list(counts.iterdir()))}-{num}").touch()
            return map_shards(*arguments, **options)

        return counting


def test_one_model_at_a_time_and_the_policy_beside_others(tiny_policy, tiny_model, tmp_path):
    other = (
        f"{{engine: transformers, path: {tiny_model}, device: cpu, sampling: {{temperature: 1}}}}"
    )
    recipe = tiny_recipe(
        tiny_policy,
        f"samplers=[{{kind: policy}}, {other}, {{kind: policy, languages: [sw]}}]",
        "rounds=1",
    )
    with pytest.raises(ValueError, match=r"'tiny@.*' twice; leave one out"):
        run_recipe(recipe, tmp_path / "twice", silent=True)
    recipe = tiny_recipe(tiny_policy, f"samplers=[{{kind: policy}}, {other}]", "rounds=1")
    (tmp_path / "counts").mkdir()
    make_prompts(Job(recipe, 0, str(tiny_policy), silent=True), tmp_path / "prompts")
    inputs = {name: Shards(tmp_path / name, Prompt) for name in ("prompts", "counts")}
    gc.collect()
    job = Watched(recipe, 0, str(tiny_policy), inputs, silent=True)
    counts = make_completions(job, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "counts").iterdir()) == ["0-0", "1-0"]
    rows = rows_of(tmp_path / "out", Completion)
    assert len(rows) == counts["rows"] == 2 * 3 * 8
    assert len({row.sampler for row in rows}) == 2
    assert [row.sampler for row in rows[:2]] != [row.sampler for row in rows[1:3]]


def test_a_member_that_answers_nothing_is_named_and_the_rest_is_kept(files, tiny_model):
    out, good = files / "run", (files / "weak.jsonl").read_text()
    write(files / "weak.jsonl", [{**json.loads(good.split("\n")[0]), "completion": " "}])
    with Misbehaving(default=translated).serve() as url:
        recipe = pool_recipe(tiny_model, files, url)
        with pytest.raises(
            ValueError, match=r"samplers\.1: expected answers with text, came 4 wit"
        ):
            run_recipe(recipe, out, silent=True)
        kept = mtimes(out / "round-0/generate")
        assert {Path(path).parent.name for path in kept} == {"00"}
        (files / "weak.jsonl").write_text(good)
        with pytest.raises(ValueError, match="generate was made with samplers"):
            run_recipe(recipe, out, silent=True)
        run_recipe(recipe, out, redo=True, silent=True)


POOLS = [
    ("languages: [en, fr]", (), r"samplers\.1: expected languages of the recipe .*'fr'; leave it"),
    ("languages: [qq]", (), r"samplers\.1\.languages: unknown language 'qq'"),
    ("languages: []", (), r"samplers\.1\.languages: .*at least 1"),
    ("language: [en]", (), r"samplers\.1: unknown key 'language'; did you mean 'languages'"),
    ("languages: [es, sw]" + WEAK, (), r"samplers\.1: answers_in dominant answers in 'en'"),
    ("languages: [en, es]", (), r"2 or more completions of each prompt for .*, got 1 in 'sw'; let"),
    ("answers_in: dominant", ("translator=null",), "answers_in: dominant needs a `translate:`"),
    (
        "answers_in: dominant",
        ("pair.method=translated_vs_direct",),
        "compares answers of one sampler: `answers_in: dominant` is for the methods that rank",
    ),
    ("sampling: {temprature: 1}", (), r"samplers\.1\.sampling: .*did you mean 'temperature'"),
]


@pytest.mark.parametrize(("settings", "more", "words"), POOLS)
def test_a_pool_that_cannot_work_is_refused_before_anything_runs(
    settings, more, words, files, tiny_model
):
    with pytest.raises(ValueError, match=words) as refused:
        pool_recipe(tiny_model, files, "http://127.0.0.1:1/v1", *more, weak=f", {settings}")
    assert "\n" not in str(refused.value)
