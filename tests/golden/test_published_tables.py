"""Tables of other evaluations, worked out again from their rows by our aggregation."""

import re
from collections import defaultdict

import pytest

from isoglot.core.stats import Measured, estimate, ratio, resampled_values


def value_of(families: list, statistics: list) -> float:
    """The value that an evaluation prints for rows of (sum, count); it lies in its interval."""
    measured = Measured(families, statistics)
    found = estimate(resampled_values(ratio, [measured], seed=1, resamples=200)[:, 0])
    assert found.low <= found.value <= found.high
    return found.value


def test_wildbench(shared_rows):
    scores = defaultdict(list)
    for row in shared_rows("wildbench/scores.gpt-4o.jsonl.gz", whole=True):
        scores[row["model"]].append((row["session_id"], float(row["score"])))
    published = {row["model"]: row["WB_score"] for row in shared_rows("wildbench/published.jsonl")}
    listed = scores.keys() & published.keys()
    assert len(listed) >= 3
    for model in listed:
        mean = value_of(*zip(*[(item, (score, 1)) for item, score in scores[model]], strict=True))
        assert 20 * (mean - 5) == pytest.approx(published[model], abs=1e-9), model


M_IFEVAL = {
    "results.CohereForAI__aya-23-8B.jsonl.gz": "Aya 23 8B",
    "results.gpt-4o-mini-2024-07-18.jsonl.gz": "GPT4o Mini",
    "results.hugging-quants__Meta-Llama-3.1-8B-Instruct-AWQ-INT4.jsonl.gz": "Llama 3.1 8B I.",
}


@pytest.mark.parametrize("name", M_IFEVAL)
def test_m_ifeval(name, shared_rows, shared_data):
    text = shared_data("m_ifeval/published_leaderboard.md").read_text(encoding="utf-8")
    table = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()]
    (published,) = [line[2:5] for line in table if line[0] == M_IFEVAL[name]]
    all_rows = shared_rows(f"m_ifeval/{name}", whole=True)
    ours = []
    for language in ("es", "fr", "ja"):
        rows = [row for row in all_rows if row["lang"] == language]
        counts = [(sum(row["strict"]), len(row["strict"])) for row in rows]
        ours.append(f"{100 * value_of([row['i'] for row in rows], counts):.1f}")
    assert ours == [f"{float(number):.1f}" for number in published]


MQM = {
    "avg_seg_scores.newstest2021.ende.jsonl.gz": ("## newstest2021", 10),
    "avg_seg_scores.ted.ende.jsonl.gz": ("## TED talks", 14),
}


def system_name(name: str) -> str:
    """One name for what the tables and the rows spell differently."""
    return {"Huoshan_Translate": "VolcTrans-AT"}.get(name, name.replace("ref.", "ref-"))


@pytest.mark.parametrize("name", MQM)
def test_wmt_mqm(name, shared_rows, shared_data):
    text = shared_data("mqm/published_system_scores.md").read_text(encoding="utf-8")
    title, num_systems = MQM[name]
    section = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    (part,) = [part for part in section if part.startswith(title)]
    published = {
        system_name(system): float(score)
        for system, score in re.findall(r"^\| ([\w.-]+) \| ([\d.]+)\(", part, re.MULTILINE)
    }
    assert len(published) == num_systems
    scores = defaultdict(list)
    for row in shared_rows(f"mqm/{name}", whole=True):
        if row["mqm"] is not None:
            scores[system_name(row["system"])].append((row["seg_id"], (row["mqm"], 1)))
    for system, theirs in published.items():
        mean = value_of(*zip(*scores[system], strict=True))
        assert -mean == pytest.approx(theirs, abs=0.01), system
