"""The lab's world: right answers in every language, and evaluation problems in no training data."""

import random
import re
from functools import cache
from itertools import islice

import pytest

from isoglot.core.errors import InputError
from isoglot.core.section import validated
from isoglot.evals.graders import GRADERS
from isoglot.lab.corpus import ENGLISH, HASTY, POLICY_MIXTURE, TEACHER, corpus, worked_problems
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.lab.translator import sentence_pairs
from isoglot.lab.world import (
    CATEGORIES,
    LAB_LANGUAGES,
    NUM_CONTAINERS,
    NUM_ITEMS,
    NUM_NAMES,
    NUM_WORDS,
    PROBLEM_KINDS,
    WITH_CONTAINERS,
    WITH_OTHER,
    Problem,
    noun,
    problems,
    render_instruction,
    render_problem,
    render_result,
    sample_instruction,
    sample_numbers,
    split_of,
    templates_of,
)

INSTRUCTIONS = ("list", "count", "sort", "repeat")
SEEDS, ROUNDS, NUM_FAMILIES = (1, 2, 3), 3, 1000


def of_kind(kind, seed):
    rng = random.Random(f"{kind}-{seed}")
    a, b = rng.sample(range(NUM_NAMES), 2)
    return Problem(
        kind, a, b if kind in WITH_OTHER else 0, rng.randrange(NUM_ITEMS),
        rng.randrange(NUM_CONTAINERS) if kind in WITH_CONTAINERS else 0, *sample_numbers(kind, rng),
    )  # fmt: skip


@pytest.mark.parametrize("language", LAB_LANGUAGES)
def test_a_language_says_everything(language):
    words = templates_of(language)
    assert words["math"].keys() == set(PROBLEM_KINDS)
    assert words["open"].keys() == set(INSTRUCTIONS)
    assert words["categories"].keys() == set(CATEGORIES)
    english = templates_of("en")
    assert words.keys() >= english.keys() - {"how_many"}
    for name in ("names", "items", "containers"):
        assert words[name].keys() >= english[name].keys()
    lengths = {"names": NUM_NAMES, "items": NUM_ITEMS, "containers": NUM_CONTAINERS}
    for name, length in lengths.items():
        for form, row in words[name].items():
            assert (len(row), len(set(row))) == (length, length), form
    for row in words["categories"].values():
        assert (len(row), len(set(row))) == (1 + NUM_WORDS, 1 + NUM_WORDS)
    assert ("few" in words["items"]) == ("few" in words["containers"]) == (language == "ru")
    templates = [
        text for table in ("math", "open") for row in words[table].values() for text in row
    ]
    assert all(isinstance(text, str) and text.strip() == text for text in templates)
    assert len(set(templates)) == 2 * len(PROBLEM_KINDS) + 2 * len(INSTRUCTIONS)


@pytest.mark.parametrize("kind", PROBLEM_KINDS)
@pytest.mark.parametrize("language", LAB_LANGUAGES)
def test_the_worked_answer_is_right(language, kind):
    for seed in range(20):
        problem = of_kind(kind, seed)
        question, answer = render_problem(problem, language)
        gold = str(problem.steps[1])
        assert GRADERS["last_number"](answer, gold) == 1.0
        assert re.findall(r"\d+", answer)[-1] == gold
        assert problem.steps[1] > 0
        equations = re.findall(r"(\d+) ([+×÷-]) (\d+) = (\d+)", answer)
        assert 1 <= len(equations) == 1 + (kind in PROBLEM_KINDS[-4:])
        for left, sign, right, result in equations:
            a, b = int(left), int(right)
            computed = {"+": a + b, "-": a - b, "×": a * b, "÷": a / b}[sign]
            assert computed == int(result)
        assert not set("{}") & set(question + answer)
        assert question[0] == question[0].upper()


@pytest.mark.parametrize("kind", PROBLEM_KINDS)
def test_every_language_asks_the_same(kind):
    for seed in range(10):
        problem = of_kind(kind, seed)
        asked = {
            language: sorted(re.findall(r"\d+", render_problem(problem, language)[0]))
            for language in LAB_LANGUAGES
        }
        assert all(numbers == asked["en"] for numbers in asked.values()), asked
        worked = {
            language: re.findall(r"\d+ [+×÷-] \d+ = \d+", render_problem(problem, language)[1])
            for language in LAB_LANGUAGES
        }
        assert all(equations == worked["en"] for equations in worked.values())


@pytest.mark.parametrize("language", LAB_LANGUAGES)
def test_the_answers_to_instructions_are_right(language):
    rng = random.Random(0)
    kinds = set()
    for _ in range(200):
        instruction = sample_instruction(rng)
        question, answer, gold = render_instruction(instruction, language)
        assert GRADERS["listed"](answer, gold) == 1.0, answer
        if instruction.kind != "sort":  # its numbers may come in order by chance
            assert GRADERS["listed"](question, gold) < 1.0, "to repeat the question is no answer"
        assert not set("{}") & set(question + answer)
        kinds.add(instruction.kind)
    assert kinds == set(INSTRUCTIONS)


@pytest.mark.parametrize(
    ("n", "form"),
    [
        (1, "singular"), (21, "singular"), (101, "singular"), (2, "few"), (3, "few"), (4, "few"),
        (22, "few"), (34, "few"), (5, "noun"), (10, "noun"), (11, "noun"), (12, "noun"),
        (14, "noun"), (20, "noun"), (25, "noun"), (111, "noun"), (112, "noun"),
    ],
)  # fmt: skip
def test_russian_nouns_agree_with_their_numbers(n, form):
    items = templates_of("ru")["items"]
    assert noun(items, 0, n) == items[form][0]
    assert noun(templates_of("en")["items"], 0, n) == "apples"


def test_russian_problems_use_the_three_forms():
    said = render_problem(Problem("together", 0, 1, 0, 0, 2, 5, 0), "ru")[0]
    assert "2 яблока" in said
    assert "5 яблок" in said
    assert "21 яблоко" in render_problem(Problem("give", 0, 1, 0, 0, 21, 5, 0), "ru")[0]


def test_a_language_that_the_lab_does_not_speak():
    with pytest.raises(ValueError, match=r"does not speak 'fi': expected one of en, .*fi\.toml"):
        templates_of("fi")


@pytest.mark.parametrize("language", LAB_LANGUAGES)
def test_each_family_has_a_text_of_its_own(language):
    prompts = list(_loop_prompts("math", 1, 0, (language,)))
    prompts += _loop_prompts("open", 1, 0, (language,))
    family_of = {}
    for prompt in prompts:
        assert family_of.setdefault(prompt.text, prompt.family) == prompt.family
    assert len(family_of) == len({prompt.family for prompt in prompts}) == 2 * NUM_FAMILIES


def test_prompts_are_the_same_for_the_same_seed_only():
    first, again, other = (list(_loop_prompts("math", seed, 0)) for seed in (1, 1, 2))
    assert first == again
    assert {p.family for p in first} != {p.family for p in other}
    assert [p.language for p in first[: len(LAB_LANGUAGES)]] == list(LAB_LANGUAGES)
    assert len({p.family for p in first[: len(LAB_LANGUAGES)]}) == 1
    assert len({p.gold for p in first[: len(LAB_LANGUAGES)]}) == 1


@pytest.mark.parametrize("steps", [1, 2])
def test_problems_of_one_step_or_of_two(steps):
    config = LabPromptConfig(steps=steps)
    golds = {}
    for problem in problems("train", 1, 400):
        is_two = problem.kind in ("buy_give", "boxes_give", "twice", "change")
        golds[problem.family] = 2 if is_two else 1
    found = list(lab_prompts(config, ["en"], seed=1, num_families=60))
    assert {golds[prompt.family] for prompt in found} == {steps}


def test_steps_are_of_problems_alone():
    with pytest.raises(InputError, match="steps are of task math, got task open"):
        validated(LabPromptConfig, {"task": "open", "steps": 2}, "prompts")
    assert "steps" not in LabPromptConfig().model_dump()  # prompts of before are not made again


def _loop_prompts(task, seed, round, languages=LAB_LANGUAGES, split="train", num=NUM_FAMILIES):
    config = LabPromptConfig(task=task, split=split)
    return lab_prompts(config, languages, seed=seed, num_families=num, skip=round * num)


@cache
def pools_of_the_policy():
    return worked_problems(seed=0)


@cache
def held_out(task):
    """Ids and texts of validation and test, as many as an evaluation of each seed takes."""
    ids, texts = set(), set()
    for split in ("validation", "test"):
        for seed in SEEDS:
            for prompt in _loop_prompts(task, seed, 0, split=split, num=400):
                ids.add(prompt.family)
                texts.add(prompt.text)
    return ids, texts


@pytest.mark.parametrize("task", ["math", "open"])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_evaluation_problem_is_among_the_prompts_of_the_loop(task, seed):
    ids, texts = held_out(task)
    rounds = [list(_loop_prompts(task, seed, round)) for round in range(ROUNDS)]
    for prompts in rounds:
        assert {split_of(prompt.family) for prompt in prompts} == {"train"}
        assert not ids & {prompt.family for prompt in prompts}
        assert not texts & {prompt.text for prompt in prompts}
    families = [{prompt.family for prompt in prompts} for prompts in rounds]
    assert sum(map(len, families)) == len(set.union(*families)) == ROUNDS * NUM_FAMILIES


@pytest.mark.slow
@pytest.mark.parametrize(
    "mixture",
    [POLICY_MIXTURE, HASTY, TEACHER, ENGLISH],
    ids=("policy", "hasty", "teacher", "english"),
)
def test_no_evaluation_problem_is_in_a_corpus_of_pre_training(mixture):
    ids, texts = (
        math | opened for math, opened in zip(held_out("math"), held_out("open"), strict=True)
    )
    assert len(texts) > 20_000
    for example in islice(corpus(0, mixture), 5_000):
        assert split_of(example.family) == "train"
        assert example.family not in ids
        assert example.prompt not in texts
        assert example.answer not in texts
        translated = re.search("<text>(.*)</text>", example.prompt)
        assert translated is None or translated.group(1) not in texts


def test_no_evaluation_problem_is_among_the_worked_problems():
    ids, texts = held_out("math")
    pools = pools_of_the_policy()
    assert {language: len(pool) for language, pool in pools.items()} == POLICY_MIXTURE.num_problems
    for pool in pools.values():
        assert {split_of(example.family) for example in pool} == {"train"}
        assert not ids & {example.family for example in pool}
        assert not texts & {example.prompt for example in pool}
        assert len({example.prompt for example in pool}) == len(pool)


def test_the_english_model_has_read_no_other_language():
    said = {example.prompt for example in islice(corpus(0, ENGLISH), 500)}
    english = {render_problem(p, "en")[0] for p in problems("train", seed=-1, num=2000)}
    assert said <= english


def test_the_translator_learns_sentences_that_mean_the_same():
    pairs = list(islice(sentence_pairs(seed=0), 3000))
    _, texts = held_out("math")
    for source, text, target, translation in pairs:
        assert (source == "en") != (target == "en")
        assert text not in texts  # a question of one sentence would be the whole question
        assert sorted(re.findall(r"\d+", text)) == sorted(re.findall(r"\d+", translation))
    assert {target for _, _, target, _ in pairs} == set(LAB_LANGUAGES)


def test_some_of_the_weaker_languages_answers_are_in_english():
    english = {render_problem(p, "en")[1] for p in problems("train", seed=-1, num=40_000)}
    pools = pools_of_the_policy()
    weaker = [e for language, pool in pools.items() if language != "en" for e in pool]
    share = sum(example.answer in english for example in weaker) / len(weaker)
    assert abs(share - POLICY_MIXTURE.code_switching) < 0.08


def test_half_of_the_hasty_answers_leave_out_the_working_and_no_other_does():
    num = {language: min(num, 500) for language, num in HASTY.num_problems.items()}
    hasty = worked_problems(0, HASTY._replace(num_problems=num))
    for language, pool in hasty.items():
        results = (render_result(of_kind("buy", 0), tag) for tag in ("en", language))
        begun = tuple(result.rstrip(".。0123456789") for result in results)
        terse = [example.answer.startswith(begun) for example in pool]
        assert sum(terse) / len(terse) == pytest.approx(0.5, abs=0.07 if language == "en" else 0.3)
    for pool in pools_of_the_policy().values():
        assert all(len(re.findall("[0-9]+", example.answer)) >= 3 for example in pool)


def test_a_tenth_of_the_families_is_for_the_test():
    splits = [split_of(problem.family) for problem in _any_problems(4000)]
    assert 0.08 < splits.count("test") / len(splits) < 0.12
    assert 0.035 < splits.count("validation") / len(splits) < 0.065


def _any_problems(num):
    return [of_kind(PROBLEM_KINDS[i % len(PROBLEM_KINDS)], i) for i in range(num)]
