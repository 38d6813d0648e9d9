"""A server's bad minute: its answers are missing, counted, and asked for again."""

import json

import pytest
from apples import ASKED, SAID
from serving import Misbehaving, answer, raw
from tiny_run import tiny_recipe

from isoglot.core.errors import RunError
from isoglot.core.records import Completion, Preference
from isoglot.core.store import read_done, read_shard, shard_paths
from isoglot.execute.ledger import Ledger
from isoglot.line.evaluate import EvaluationRequest, evaluate_model
from isoglot.line.pipeline import run_recipe
from isoglot.models.server.config import OpenAIConfig
from isoglot.recipe.tasks import tasks_of
from isoglot.report.pages.run import write_report

NUM = 4


class Moody(Misbehaving):
    """Knows the answers, and gives none to Swahili prompts while it is in a bad mood."""

    def __init__(self):
        super().__init__(default=self.behave)
        self.refused = ("sw",)

    def behave(self, handler, asked):
        tag, number = next(
            (tag, asked.text.rpartition("(")[2][:-1])
            for tag, text in ASKED.items()
            if asked.text.startswith(text)
        )
        if tag in self.refused:
            return raw(b"busy", 503)(handler, asked)
        return answer(SAID[tag].format(700 + int(number)))(handler, asked)


def recipe_of(policy, folder, url, *more, cache="answers.sqlite"):
    keys = [(i, tag) for i in range(NUM) for tag in ASKED]
    rows = [{"i": i, "l": t, "text": f"{ASKED[t]} ({i})", "gold": str(700 + i)} for i, t in keys]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    wrong = [{"i": i, "l": t, "completion": SAID[t].format(1)} for i, t in keys]
    (folder / "wrong.jsonl").write_text("".join(json.dumps(row) + "\n" for row in wrong))
    server = (
        f"{{engine: openai, model: m, base_url: '{url}', cache: {folder}/{cache}, max_attempts: 1}}"
    )
    keys = {
        "unseen_languages": "[]",
        "rounds": "1",
        "families_per_shard": "2",
        "evaluate": "{}",
        "train": "null",
        "translate": "null",
        "prompts.num_families": "null",
        "prompts.source": f"{{kind: file, path: {folder}/prompts.jsonl, family: [i], id: [i, l], "
        "columns: {prompt: text, language: l, gold: gold}}",
        "samplers": f"[{server}, {{engine: file, path: {folder}/wrong.jsonl, id_columns: [i, l]}}]",
        "score": "{scorers: [{kind: gold, grader: last_number}]}",
        "pair.method": "best_vs_worst",
        "filter.filters": "[cut_off, empty, same_text]",
    }
    return tiny_recipe(policy, *(f"{key}={value}" for key, value in keys.items()), *more)


def rows_of(folder, record):
    return [row for path in shard_paths(folder) for row in read_shard(path, record)]


def test_answers_that_are_missing_are_counted_and_asked_for_again(tiny_policy, tmp_path, capsys):
    server, out = Moody(), tmp_path / "run"
    with server.serve() as url:
        recipe = recipe_of(tiny_policy, tmp_path, url)
        name = f"m@{url.removeprefix('http://').removesuffix('/v1')}"
        summary = run_recipe(recipe, out, silent=True)
        assert summary.rounds[0].failures == {"generate": {name: {"HTTP 503": NUM}}}
        said = f"{name} gave no answer to {NUM} requests (HTTP 503 {NUM}); the same command asks"
        assert f"Round 0, generate: {said}" in write_report(out).read_text()
        assert summary.rounds[0].pairs.kept == 2 * NUM
        prompts = {path: path.stat().st_mtime_ns for path in out.glob("round-0/prompts/*")}

        run_recipe(recipe, out, silent=True)  # it is asked again, in vain, and nothing is lost
        assert len(server.asked) == 3 * NUM + NUM
        assert len(rows_of(out / "round-0/filter", Preference)) == 2 * NUM

        server.refused = ()
        summary = run_recipe(recipe, out, silent=True)
        assert len(server.asked) == 5 * NUM
        assert {asked.text.rpartition(" (")[0] for asked in server.asked[-NUM:]} == {ASKED["sw"]}
        assert summary.rounds[0].failures == {}
        assert summary.rounds[0].pairs.kept == 3 * NUM
        assert len(rows_of(out / "round-0/filter", Preference)) == 3 * NUM
        assert {row.finish_reason for row in rows_of(out / "round-0/score", Completion)} == {"stop"}
        rates = {row.language: row.n for row in summary.audit.rows if row.sampler == name}
        assert rates["sw"] == NUM  # the small results are made anew, too
        assert prompts == {path: path.stat().st_mtime_ns for path in out.glob("round-0/prompts/*")}

        run_recipe(recipe, out, silent=True)
        assert len(server.asked) == 5 * NUM
    assert "HTTP 503" in capsys.readouterr().err


def test_a_finished_run_needs_no_server_that_has_gone(tiny_policy, tmp_path, capsys):
    out = tmp_path / "run"
    with Moody().serve() as url:
        recipe = recipe_of(tiny_policy, tmp_path, url)
        first = run_recipe(recipe, out, silent=True)
    again = run_recipe(recipe, out, silent=True)
    assert again.model_dump() == first.model_dump()
    told = capsys.readouterr().err
    assert "round-0/generate still lacks answers, and is taken as it is: expected a server" in told


def test_a_policy_is_not_trained_again_for_a_few_answers_unless_told(tiny_policy, tmp_path, capsys):
    server, out = Moody(), tmp_path / "run"
    with server.serve() as url:
        recipe = recipe_of(tiny_policy, tmp_path, url)
        run_recipe(recipe, out, silent=True)
        done = read_done(out / "round-0/filter")
        record = json.loads((out / "run.json").read_text())
        trained = Ledger(out, record).once(
            "round-0/train", {"inputs": {"filter": done["fingerprint"]}}, lambda _: {}
        )
        server.refused = ()
        run_recipe(recipe, out, silent=True)
        assert trained.folder.exists()
        assert len(server.asked) == 3 * NUM
        assert "generate lacks 4 answers that may come by now" in capsys.readouterr().err
        summary = run_recipe(recipe, out, silent=True, redo=True)
        assert not trained.folder.exists()
        assert summary.rounds[0].pairs.kept == 3 * NUM


def test_a_sampler_that_answers_nothing_ends_the_run_and_is_asked_again(tiny_policy, tmp_path):
    server, out = Moody(), tmp_path / "run"
    server.refused = tuple(ASKED)
    with server.serve() as url:
        recipe = recipe_of(tiny_policy, tmp_path, url)
        with pytest.raises(RunError, match=r"^m@.* any of 12 requests \(HTTP 503 12\); mend the"):
            run_recipe(recipe, out, silent=True)
        assert not (out / "round-0/generate/done.json").exists()
        server.refused = ()
        assert run_recipe(recipe, out, silent=True).rounds[0].pairs.kept == 3 * NUM


def test_a_task_of_two_turns_gets_the_answers_that_were_missing(tmp_path):
    """The second turn follows on the answer to the first, and is asked anew where that came."""
    first = {1: "Eins?", 2: "Zwei?"}
    rows = [
        {"question_id": i, "category": "math", "turns": [text, "Und dann?"]}
        for i, text in first.items()
    ]
    data = tmp_path / "data" / "mt_bench"
    data.mkdir(parents=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (data / "question.de.jsonl").write_text(lines)
    refused = {"Zwei?"}

    def behave(handler, asked):
        turns = [turn["content"] for turn in asked.body["messages"]]
        if refused & {turns[-1]}:
            return raw(b"busy", 500)(handler, asked)
        return answer(f"re {' '.join(turns)}")(handler, asked)

    server, out = Misbehaving(default=behave), tmp_path / "out"
    task = tasks_of(("mt_bench",), data=tmp_path / "data")
    request = EvaluationRequest(task, ("de",), silent=True)
    with server.serve() as url:
        model = OpenAIConfig(
            model="m", base_url=url, cache=tmp_path / "a.sqlite", max_attempts=1, revision="r"
        )
        results = evaluate_model(model, request, out)
        assert results.notes == [
            "mt_bench: m@r gave no answer to 1 request (HTTP 500 1); the same command asks again"
        ]
        assert len(server.asked) == 4
        refused.clear()
        assert evaluate_model(model, request, out).notes == []
        assert len(server.asked) == 6  # one first turn, and the second that follows on it
        evaluate_model(model, request, out)
        assert len(server.asked) == 6
    (last,) = shard_paths(out / "mt_bench" / "turn-2" / "completions")
    texts = [row.text for row in read_shard(last, Completion)]
    assert sorted(texts) == [f"re {text} re {text} Und dann?" for text in first.values()]
