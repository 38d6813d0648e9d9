"""The recipes for real models fit, and their headers say what the plan says."""

import re
from math import isclose

import pytest

from isoglot.planning.plan import plan_of
from isoglot.recipe.loading import shipped_text
from isoglot.recipe.recipe import load_recipe, recipe_names
from isoglot.report.results.plan import RecipePlan

HEADER = re.compile(
    r"# Plan: ([\d.,]+)–([\d.,]+) hours of one (\w+)(?:, shared by (\d+))?; peak (\d+) of (\d+) GiB"
)
HEADERS = {name: HEADER.search(shipped_text("recipe", name)) for name in recipe_names()}
PLANNED = [name for name, header in HEADERS.items() if header]


def planned(name: str) -> tuple[re.Match[str], RecipePlan]:
    header = HEADERS[name]
    assert header
    return header, plan_of(load_recipe(name), device=header[3])


def test_every_recipe_of_a_paper_has_its_hours():
    assert {name for name in recipe_names() if "lab" not in name and "own" not in name} == {
        *PLANNED
    }
    assert {"lidr-llama3-8b", "lidr-qwen3-4b-24gb", "rlhf-aya23-8b-rloo"} <= {*PLANNED}


@pytest.mark.parametrize("name", PLANNED)
def test_the_header_has_the_hours_and_the_peak_of_the_plan(name):
    header, plan = planned(name)
    hours = [float(each.replace(",", "")) for each in header.groups()[:2]]
    assert isclose(hours[0], plan.totals.hours.typical, rel_tol=0.05)
    assert isclose(hours[1], plan.totals.hours.most, rel_tol=0.05)
    assert int(header[5]) == round(max(each.gib for each in plan.memory))
    assert int(header[6]) == plan.device_gib
    launch = load_recipe(name).launch
    assert int(header[4] or 1) == (launch.num_processes if launch else 1)


@pytest.mark.parametrize("name", PLANNED)
def test_every_stage_fits_its_device(name):
    _, plan = planned(name)
    assert {each.stage for each in plan.memory} >= {"train"}
    assert all(each.fits for each in plan.memory)
