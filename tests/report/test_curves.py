"""The plot of the checks that a checkpoint was selected by."""

from isoglot.report.charts.curves import checkpoint_choices
from isoglot.report.pages.run_data_sections import choice_section
from isoglot.report.results.summary import (
    CheckpointCheck,
    CheckpointChoice,
    LanguageCheck,
    RoundSummary,
    RunSummary,
)


def check(step, value, **rewards):
    languages = {tag: LanguageCheck(reward=reward) for tag, reward in rewards.items()}
    return CheckpointCheck(step=step, value=value, languages=languages)


def summary(chosen, *checks):
    choice = CheckpointChoice(chosen_step=chosen, curve=checks)
    return RunSummary(rounds=[RoundSummary(round=0, choice=choice), RoundSummary(round=1)])


def test_steps_against_reward_with_the_saved_step_marked():
    (chart,) = checkpoint_choices(
        summary(4, check(0, 0.1, en=0.2, sw=None), check(4, 0.5), check(8, 0.3))
    )
    assert chart.title == "Round 0: M0 to M1"
    english, swahili, mean = chart.figure["data"]
    assert (mean["x"], mean["y"]) == ([0, 4, 8], [0.1, 0.5, 0.3])
    assert english["y"] == [0.2, None, None]
    assert swahili["y"] == [None, None, None], "unknown is a gap, never 0"
    assert chart.figure["layout"]["shapes"][0]["x0"] == 4
    assert ("saved: step 4", chart.legend[-1][1]) == chart.legend[-1]


def test_nothing_chosen_and_nothing_to_choose():
    (chart,) = checkpoint_choices(summary(None, check(0, None), check(4, None)))
    assert "shapes" not in chart.figure["layout"]
    assert chart.legend[-1][0] == "saved: the last step"
    nothing = RunSummary(rounds=[RoundSummary(round=0)])
    assert checkpoint_choices(nothing) == choice_section(nothing) == []
