"""The models in the package are what their names say, on problems that none of them has seen."""

import re
from functools import cache

import pytest
from fakes import FakeIdentifier

from isoglot.core.protocols import Sampling
from isoglot.core.records import Completion, FinishReason, content_id
from isoglot.core.scorers import RewardModelConfig
from isoglot.evals.graders import GRADERS
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.lab.shipped import lab_path
from isoglot.lab.world import problems, render_problem
from isoglot.models.load import load_sampler, load_translator, model_config
from isoglot.models.scorers.load import load_scorers
from isoglot.models.translation.seq2seq import Seq2SeqConfig

NUM = 40


@cache
def answers(model: str, language: str) -> list[tuple[str, bool]]:
    """Greedy answers to problems of the validation split, and whether each is right."""
    prompts = list(
        lab_prompts(LabPromptConfig(split="validation"), [language], seed=9, num_families=NUM)
    )
    sampler = load_sampler(model_config(lab_path(f"lab:{model}")))
    sampled = sampler.sample(prompts, Sampling(max_new_tokens=64))
    grade = GRADERS["last_number"]
    return [
        (samples[0].text, grade(samples[0].text, prompt.gold) == 1)
        for prompt, samples in zip(prompts, sampled, strict=True)
    ]


def accuracy(model: str, language: str) -> float:
    return sum(right for _, right in answers(model, language)) / NUM


@pytest.mark.parametrize("language", ["en", "sw", "zh-Hans"])
def test_the_teacher_is_strong_in_every_language(language):
    assert accuracy("teacher", language) >= 0.95


def test_the_policy_is_uneven():
    assert accuracy("policy", "en") >= 0.9
    assert accuracy("policy", "sw") <= 0.75


def test_the_hasty_policy_leaves_out_the_working_and_pays_for_it_in_english_too():
    def worked(model: str) -> float:
        return sum(len(re.findall("[0-9]+", text)) > 1 for text, _ in answers(model, "en")) / NUM

    assert worked("policy") == 1
    assert worked("hasty") <= 0.5
    assert 0.6 <= accuracy("hasty", "en") <= accuracy("policy", "en") - 0.05
    assert accuracy("hasty", "sw") <= 0.5


def test_the_english_model_is_weaker_than_the_policy_in_english_and_lost_elsewhere():
    assert 0.1 <= accuracy("english", "en") <= 0.75
    assert accuracy("english", "sw") <= 0.1


@pytest.mark.parametrize("language", ["es", "ru", "sw"])
def test_the_translator_says_the_same_in_another_language(language):
    said = [
        (render_problem(p, "en"), render_problem(p, language)) for p in problems("test", 9, NUM)
    ]
    texts = [text for english, _ in said for text in english]
    gold = [text for _, other in said for text in other]
    config = Seq2SeqConfig(path=lab_path("lab:translator"), num_beams=1, max_new_tokens=80)
    answers = load_translator(config, languages=["en", language]).translate(
        texts, ["en"] * len(texts), [language] * len(texts)
    )
    exact = [answer.text == text for answer, text in zip(answers, gold, strict=True)]
    assert sum(exact) / len(exact) >= 0.85
    assert all(answer.log_probability is not None for answer in answers)
    sure = [
        answer.log_probability or 0.0
        for answer, is_exact in zip(answers, exact, strict=True)
        if is_exact
    ]
    assert -0.05 < sum(sure) / len(sure) < 0


@pytest.mark.parametrize("language", ["en", "de", "sw"])
def test_the_reward_model_prefers_the_right_answer(language):
    """Wrong by another number at the end, or by the worked answer of another problem."""
    prompts = list(
        lab_prompts(LabPromptConfig(split="validation"), [language], seed=9, num_families=NUM)
    )
    right = [render_problem(p, language)[1] for p in problems("validation", 9, NUM)]
    wrong = [
        text.replace(prompt.gold or "", str(int(prompt.gold or 0) + 1))
        for prompt, text in zip(prompts, right, strict=True)
    ]
    scorer = load_scorers(
        [RewardModelConfig(path=lab_path("lab:reward"))], FakeIdentifier({})
    )[0]  # fmt: skip

    def rewards(texts: list[str]) -> list[float | None]:
        answers = [
            Completion(
                family=prompt.family,
                prompt_id=prompt.prompt_id,
                language=language,
                sampler=content_id(text),
                sample=0,
                text=text,
                finish_reason=FinishReason.STOP,
            )
            for prompt, text in zip(prompts, texts, strict=True)
        ]
        return scorer.score(prompts, answers)

    pairs = list(zip(rewards(right), rewards(wrong), strict=True))
    assert None not in {reward for pair in pairs for reward in pair}
    assert sum(good > bad for good, bad in pairs) / NUM >= 0.8
