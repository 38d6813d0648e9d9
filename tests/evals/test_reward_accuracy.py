"""How often the grader agrees with the pairs."""

from isoglot.core.records import Preference, Prompt
from isoglot.evals.graders import grade_last_number
from isoglot.evals.reward_accuracy import RewardAccuracyCounter

PROMPT = Prompt.from_text("3 + 4?", language="de", gold="7")


def preference(chosen, rejected, prompt=PROMPT):
    return Preference(
        prompt=prompt.prompt,
        chosen=({"role": "assistant", "content": chosen},),
        rejected=({"role": "assistant", "content": rejected},),
        family=prompt.family,
        prompt_id=prompt.prompt_id,
        language=prompt.language,
        answer_language=prompt.language,
        chosen_model="a",
        rejected_model="b",
        chosen_language=None,
        rejected_language=None,
        chosen_finish_reason="stop",
        rejected_finish_reason="stop",
        score_chosen=None,
        score_rejected=None,
        pair_type="dominant_translated",
        round=0,
    )


def test_reward_accuracy_counts_ties_and_unknown_apart():
    bare = Prompt.from_text("Why?", language="sw")
    pairs = [
        preference("7", "8"),
        preference("7", "9"),
        preference("7", "1"),
        preference("6", "7"),
        preference("7", "7.0"),
        preference("1", "2"),
        preference("7", "8", bare),
    ]
    counted = RewardAccuracyCounter(grade_last_number)
    counted.add(pairs[:3], [PROMPT])
    counted.add(pairs[3:], [PROMPT, bare])
    german, swahili, overall = counted.accuracy(seed=0)
    assert (german.language, german.value, german.n, german.ties) == ("de", 0.75, 4, 2)
    assert german.unknown == 0
    assert (swahili.language, swahili.value, swahili.n, swahili.unknown) == ("sw", None, 0, 1)
    assert (overall.language, overall.n, overall.ties, overall.unknown) == ("all", 4, 2, 1)
