"""The stage that rewrites prompts: passes, their counts, and what the recipe may not ask for."""

from collections import Counter

import pytest
from fakes import FakeSampler
from tiny_run import contents, tiny_recipe

from isoglot.commands.main import main
from isoglot.core.protocols import no_tick
from isoglot.core.records import Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.lab.shipped import POLICY
from isoglot.line.pipeline import run_recipe
from isoglot.line.prompts import with_agreed_gold
from isoglot.line.stages import STAGES
from isoglot.planning.plan import plan_of
from isoglot.recipe.recipe import load_recipe
from isoglot.recipe.sections import AgreedGold
from isoglot.report.results.summary import RunSummary

PASS = (
    "{kind: %s, prefill: '', pattern: '(.*)', max_length_ratio: 99, sampling: {max_new_tokens: 64}}"
)
TWO = f"prompts.transform=[{PASS % 'natural'}, {PASS % 'harder'}]"
SHORT = ("rounds=1", "evaluate.validation=null", "evaluate.tasks=[]", "prompts.grader=null")


def rows(folder):
    return [row for path in shard_paths(folder) for row in read_shard(path, Prompt)]


@pytest.mark.slow
def test_two_passes_rewrite_what_is_answered(tmp_path):
    """By the lab's policy, which answers a problem whatever it is told: such text is the prompt."""
    out = tmp_path / "run"
    given = (*SHORT, "train=null", "prompts.num_families=4")
    recipe = tiny_recipe(POLICY, *given, TWO)
    summary = run_recipe(recipe, out, silent=True)
    folder = out / "round-0/transform_prompts"
    first, last = rows(folder / "passes/00"), rows(folder)
    before = rows(out / "round-0/prompts")
    assert 0 < len(last) <= len(first) <= len(before) == 12
    assert not {row.text for row in before} & {row.text for row in first}
    assert {row.gold for row in last} == {None}
    passes = summary.rounds[0].transforms
    assert [(each.name, each.kept) for each in passes] == [
        ("1 natural", len(first)),
        ("2 harder", len(last)),
    ]
    assert passes[0].kept + sum(passes[0].dropped.values()) == len(before)
    assert RunSummary.read_from(out).rounds[0].transforms == passes
    with pytest.raises(SystemExit):
        main(["report", str(out)])
    assert "Prompts kept by pass 2 harder" in (out / "report.html").read_text()
    made = contents(folder)
    run_recipe(recipe, out, silent=True)
    assert contents(folder) == made
    one = tiny_recipe(POLICY, *given, f"prompts.transform=[{PASS % 'natural'}]")
    with pytest.raises(ValueError, match="transform"):
        run_recipe(one, out, silent=True)
    none = tiny_recipe(POLICY, *given, "prompts.transform=[{kind: natural}]")
    with pytest.raises(ValueError, match=r"keeps, got none of 12: (failed|cut_off) \d+"):
        run_recipe(none, tmp_path / "none", silent=True)


AGREED = (
    "prompts.transform.1.gold=agreed",
    "prompts.transform.1.agreement={grader: last_number, min_share: 0, sampling: "
    "{num_samples: 2, temperature: 1.0, max_new_tokens: 32}}",
)


def test_the_gold_of_a_family_is_what_its_languages_agree_on():
    """Worked by hand: f agrees on 7 (3 of 4 answers), g on nothing, and h is alone."""
    wrote = {
        "f en?": ["It is 7.", "7"], "f sw?": ["Ni 7.", "Ni 5."],
        "g en?": ["1", "1"], "g sw?": ["2", "2"],
        "h en?": ["3", "3"],
    }  # fmt: skip
    prompts = [
        Prompt.from_text(text, language=text.split()[1][:2], family=text[0], gold="old")
        for text in wrote
    ]
    sampler = FakeSampler(lambda prompt, sample: wrote[prompt.text][sample])
    config = AgreedGold(grader="last_number", sampling={"num_samples": 2, "temperature": 1.0})
    made = with_agreed_gold(prompts, sampler, config, "en", no_tick)
    assert [row.gold for row in made] == ["7", "7", None, None, None]
    assert [row.text for row in made] == list(wrote)
    strict = config.model_copy(update={"min_share": 0.9})
    assert {row.gold for row in with_agreed_gold(prompts, sampler, strict, "en", no_tick)} == {None}


@pytest.mark.slow
def test_gold_is_made_again_counted_and_shown(tmp_path):
    out = tmp_path / "run"
    given = (*SHORT, "train=null", "prompts.num_families=4", TWO, *AGREED)
    summary = run_recipe(tiny_recipe(POLICY, *given), out, silent=True)
    made = rows(out / "round-0/transform_prompts")
    golds = {
        family: {row.gold for row in made if row.family == family} for family in families(made)
    }
    assert all(len(each) == 1 for each in golds.values()), "one gold for all languages"
    known = Counter(row.language for row in made if row.gold is not None)
    assert known, "some agree"
    first, last = summary.rounds[0].transforms
    assert (first.with_gold, last.with_gold) == (None, known)
    with pytest.raises(SystemExit):
        main(["report", str(out)])
    assert "With gold" in (out / "report.html").read_text()


def families(prompts):
    return {row.family for row in prompts}


def test_answers_that_make_gold_again_are_planned(tiny_policy):
    plan = plan_of(tiny_recipe(tiny_policy, *SHORT, TWO, *AGREED))
    works = [work for work in plan.works if work.stage == "transform_prompts"]
    assert [(work.unit, work.num) for work in works] == [
        ("prompts", 24), ("prompts", 24), ("answers", 48),
    ]  # fmt: skip
    assert works[2].tokens_out.most == 48 * 32


GOLD = (
    "score={scorers: [{kind: gold, grader: last_number}]}",
    "pair.method=best_vs_worst",
    "generate.sampling={num_samples: 2, temperature: 1.0}",
)


def test_a_reward_by_gold_takes_kept_or_agreed_gold():
    agreed = "{kind: harder, gold: agreed, agreement: {grader: last_number}}"
    for passes in ("{kind: natural, gold: keep}", f"{{kind: natural}}, {agreed}",
                   f"{agreed}, {{kind: natural, gold: keep}}"):  # fmt: skip
        assert load_recipe("lidr-lab", [*GOLD, f"prompts.transform=[{passes}]"]).score
    for passes in (f"{agreed}, {{kind: natural}}", "{kind: local}, {kind: natural, gold: keep}"):
        with pytest.raises(ValueError, match="gold needs the gold answers, which"):
            load_recipe("lidr-lab", [*GOLD, f"prompts.transform=[{passes}]"])


def test_each_pass_is_planned(tiny_policy):
    plan = plan_of(tiny_recipe(tiny_policy, *SHORT, TWO))
    works = [work for work in plan.works if work.stage == "transform_prompts"]
    assert [work.num for work in works] == [24, 24]
    assert not any(work.is_exact for work in works)


def test_runs_without_a_pass_have_the_settings_of_before(tiny_policy):
    """Their prompts would be made again, and the training after them."""
    from isoglot.line.job import Job

    job = Job(tiny_recipe(tiny_policy), 0, str(tiny_policy))
    prompts, transform = (
        next(stage for stage in STAGES if stage.name == name)
        for name in ("prompts", "transform_prompts")
    )
    assert "transform" not in prompts.depends_on(job)["prompts"]
    assert not transform.applies(job.recipe)
    pair = next(stage for stage in STAGES if stage.name == "pair")
    assert "spliced" not in pair.depends_on(job)["pair"]


VOTE = ("prompts.transform.0.gold=agreed",)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("score={scorers: [{kind: gold, grader: last_number}]}", "pair.method=best_vs_worst",
          "generate.sampling.num_samples=2"), "gold needs the gold answers, which"),
        (("samplers=[{kind: source}]",), "which prompts.transform rewrites"),
        (("prompts.transform.0.knd=own",), "did you mean 'kind'"),
        (("prompts.transform.0.keep_gold=true",), "expected `gold: keep` in place of keep_gold"),
        (("prompts.transform.0.gold=agreed",), "expected `agreement:` with gold agreed"),
        (("prompts.transform.0.agreement={grader: exact}",), "with no other, got gold drop"),
        ((*VOTE, "prompts.transform.0.agreement={grader: listed}"), "reads one final answer"),
        ((*VOTE, "prompts.transform.0.agreement={grader: exact, min_share: 2}"), "min_share"),
        ((*VOTE, "prompts.transform.0.agreement={grader: exact, sampling: {num_samples: 2}}"),
         "temperature > 0 for several samples"),
    ],
)  # fmt: skip
def test_what_needs_the_old_answers_is_refused(overrides, message):
    given = ("prompts.transform=[{kind: natural}]", *overrides)
    with pytest.raises(ValueError, match=message) as error:
        load_recipe("lidr-lab", given)
    assert "\n" not in str(error.value)
