"""The plot of the checks that a policy was chosen by."""

from isoglot.report.charts.curves import choices
from isoglot.report.pages.run import render


def line(step, value, **rewards):
    languages = {tag: {"reward": reward} for tag, reward in rewards.items()}
    return {"step": step, "value": value, "languages": languages}


def summary(chosen, *lines):
    first = {"round": 0, "results": [], "pairs": None, "choice": None}
    first["choice"] = {"chosen_step": chosen, "curve": list(lines)}
    return {"recipe": "r", "rounds": [first, {"round": 1, "results": [], "choice": None}]}


def test_steps_against_reward_with_the_saved_step_marked():
    (chart,) = choices(summary(4, line(0, 0.1, en=0.2, sw=None), line(4, 0.5), line(8, 0.3)))
    assert chart.title == "Round 0: M0 to M1"
    english, swahili, mean = chart.figure["data"]
    assert (mean["x"], mean["y"]) == ([0, 4, 8], [0.1, 0.5, 0.3])
    assert english["y"] == [0.2, None, None]
    assert swahili["y"] == [None, None, None], "unknown is a gap, never 0"
    assert chart.figure["layout"]["shapes"][0]["x0"] == 4
    assert ("saved: step 4", chart.legend[-1][1]) == chart.legend[-1]


def test_nothing_chosen_and_nothing_to_choose():
    (chart,) = choices(summary(None, line(0, None), line(4, None)))
    assert "shapes" not in chart.figure["layout"]
    assert chart.legend[-1][0] == "saved: the last step"
    assert choices({"rounds": [{"round": 0}]}) == []
    assert "choice of a checkpoint" not in render({"rounds": [{"round": 0}]}, {})
