"""Any server: the answers are the model's own, none is paid for twice, and no key is told."""

import json
import logging
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import TypeAdapter
from serving import (
    Drip,
    Misbehaving,
    TransformersServe,
    answer,
    free_port,
    half,
    nothing,
    raw,
    slow,
)

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Prompt
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.lab.shipped import POLICY
from isoglot.models.load import ModelConfig, answer_settings, load_sampler, sampler_revision
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import TransformersSampler
from isoglot.models.server.config import OPENAI_OPERATION, OpenAIConfig, server_revision
from isoglot.models.server.meter import CostCapReached
from isoglot.models.server.openai import OpenAISampler
from isoglot.models.server.spending import spending_in

KEY = "sk-test-0123456789abcdef"
ONE = Sampling(max_new_tokens=20)


def prompts(num, *, prefix="p"):
    return [Prompt.from_text(f"{prefix}{i}", language="sw") for i in range(num)]


def failed(text, reason):
    return Sampled(text, "error", failure=reason)


def config(url, **values):
    quick = {"model": "m", "cache": None, "backoff_seconds": 0.01, "max_attempts": 4}
    return OpenAIConfig(base_url=url, **(quick | values))


@pytest.fixture
def make(tmp_path):
    """Samplers that are closed in the end; the cache of each is the test's own."""
    made = []

    def make_one(url, **values):
        made.append(OpenAISampler(config(url, **({"cache": tmp_path / "answers.sqlite"} | values))))
        return made[-1]

    yield make_one
    for sampler in made:
        sampler.close()


# A real server.


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory):
    pytest.importorskip("fastapi", reason="transformers serve needs transformers[serving]")
    pytest.importorskip("uvicorn", reason="transformers serve needs transformers[serving]")
    with TransformersServe(POLICY, tmp_path_factory.mktemp("serve") / "log.txt") as server:
        yield server


def sampling_of_transformers_serve(**values):
    """It samples only where a whole generation config says so (`do_sample` is no field of the
    API), and that must name what ends an answer."""
    whole = {"do_sample": True, "top_k": 0, "eos_token_id": 1, "pad_token_id": 0, **values}
    return {"generation_config": json.dumps(whole)}


@pytest.mark.slow
def test_greedy_answers_are_those_of_the_local_model(lab_server, make):
    asked = [
        *lab_prompts(
            LabPromptConfig(split="test"), ["en", "es", "ru", "sw"], seed=3, num_families=3
        )
    ]
    sampling = Sampling(max_new_tokens=60)
    local = TransformersSampler(WeightsConfig(path=str(POLICY))).sample(asked, sampling)
    sampler = make(lab_server.url, model=lab_server.model, revision="r1")
    ticks = []
    served = sampler.sample(asked, sampling, lambda *tick: ticks.append(tick))
    assert served == local
    assert sum(num for num, *_ in ticks) == len(asked) == 12
    assert {language for _, language, _ in ticks} == {"en", "es", "ru", "sw"}
    assert sampler.usage.num_requests == 12
    assert sampler.usage.completion_tokens > 12 * 5
    assert sampler.usage.cost_usd is None  # no prices: unknown, not nothing
    short = make(lab_server.url, model=lab_server.model).sample(
        asked[:1], Sampling(max_new_tokens=3)
    )
    assert short[0][0].finish_reason == "length"

    # The same model where no server stands any more: all from the cache.
    again = make(f"http://127.0.0.1:{free_port()}/v1", model=lab_server.model, revision="r1")
    assert again.sample(asked, sampling) == local
    assert (again.usage.num_requests, again.usage.num_cached) == (0, 12)


@pytest.mark.slow
def test_samples_differ_and_come_again_with_their_seed(lab_server, make):
    values = {
        "model": lab_server.model,
        "extra": sampling_of_transformers_serve(),
        "max_concurrency": 1,  # its seed is one for all requests under way
        "cache": None,
    }
    asked = [
        *lab_prompts(LabPromptConfig(task="open", split="test"), ["sw"], seed=3, num_families=4)
    ]
    sampling = Sampling(max_new_tokens=40, temperature=1.0, num_samples=2, seed=7)
    answers = make(lab_server.url, **values).sample(asked, sampling)
    assert answers == make(lab_server.url, **values).sample(asked, sampling)
    assert [len(row) for row in answers] == [2] * 4
    assert any(first != second for first, second in answers)
    shifted = sampling.model_copy(update={"seed": 8, "num_samples": 1})
    second = make(lab_server.url, **values).sample(asked, shifted)
    assert [row[0] for row in second] == [row[1] for row in answers]  # sample i has seed + i


@pytest.mark.slow
def test_a_server_without_log_probabilities_and_one_with_another_model(lab_server, make):
    sampler = make(lab_server.url, model=lab_server.model, max_concurrency=1)
    assert sampler.log_likelihoods(prompts(3), [["A", "B"]] * 3) == [[None, None]] * 3
    assert sampler.usage.num_requests == 1  # it is not asked again for what it does not tell
    with pytest.raises(ValueError, match=r"HTTP 400 \(Server is pinned to .*; correct model"):
        make(lab_server.url, model="another").sample(prompts(1), ONE)
    with pytest.raises(ValueError, match=r"HTTP 422 .*repetition_penalty.*null in `extra`"):
        make(lab_server.url, model=lab_server.model).sample(
            prompts(1), Sampling(repetition_penalty=1.1)
        )


# What is asked.


def test_the_request(make):
    server = Misbehaving()
    primed = Prompt.from_text("Habari?", language="sw")
    primed = Prompt("f", "p", "sw", (*primed.prompt, {"role": "assistant", "content": "<t>"}), "sw")
    goes_on = {"add_generation_prompt": False, "continue_final_message": True}
    with server.serve() as url:
        sampler = make(url, max_concurrency=1, extra={"top_k": -1, "seed": None}, prefill=goes_on)
        assert sampler.sample(prompts(1), ONE)[0] == [Sampled("P0", "stop")]
        full = Sampling(
            max_new_tokens=9, temperature=0.5, top_p=0.9, repetition_penalty=1.2, num_samples=2
        )
        make(url, max_concurrency=1).sample(prompts(1), full)
        sampler.sample([primed], ONE)
    first, *samples, last = [asked.body for asked in server.asked]
    assert server.asked[0].path == "/v1/chat/completions"
    assert first == {
        "model": "m",
        "messages": [{"role": "user", "content": "p0"}],
        "max_tokens": 20,
        "temperature": 0.0,
        "top_k": -1,
    }
    assert samples == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "p0"}],
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "repetition_penalty": 1.2,
            "seed": 42 + i,
        }
        for i in range(2)
    ]
    assert last["messages"][-1] == {"role": "assistant", "content": "<t>"}
    assert goes_on.items() <= last.items()
    assert not any("Authorization" in asked.headers for asked in server.asked)


def test_a_repeated_prefill_is_taken_off_unless_the_server_goes_on(make):
    messages = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "<t>"})
    primed = Prompt("f", "p", "sw", messages, "sw")
    with Misbehaving(default=answer("<t>saba</t>")).serve() as url:
        assert make(url).sample([primed], ONE) == [[Sampled("saba</t>", "stop")]]
        goes_on = make(url, prefill={"continue_final_message": True})
        assert goes_on.sample([primed], ONE) == [[Sampled("<t>saba</t>", "stop")]]


def test_order_twins_and_concurrency(make):
    server = Misbehaving(slow(0.3, answer()))
    with server.serve() as url:
        sampler = make(url, max_concurrency=4)
        asked = [*prompts(12), *prompts(3)]
        answers = sampler.sample(asked, ONE)
        assert [row[0].text for row in answers] == [prompt.text.upper() for prompt in asked]
        assert len(server.asked) == 12  # the same request is not sent twice
    assert sampler.sample([], ONE) == []


# What is answered.


def test_a_limit_of_thinking_is_the_servers_own(make):
    with pytest.raises(InputError, match=r"no max_thinking_tokens for a server.*in `extra`"):
        make("http://localhost:9").sample(prompts(1), Sampling(max_thinking_tokens=8))


PARTS = [{"type": "thinking", "thinking": "Hmm"}, {"type": "text", "text": "saba"}]


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answer("saba"), Sampled("saba", "stop")),
        (answer("saba", finish_reason="length"), Sampled("saba", "length")),
        (answer("", finish_reason="content_filter"), failed("", "content_filter")),
        (answer("saba", finish_reason=None), Sampled("saba", "stop")),
        (
            answer("x", message={"content": None, "reasoning_content": "Hmm"}),
            Sampled("", "length", thought="Hmm"),
        ),
        (answer("<think>Hmm</think>saba"), Sampled("saba", "stop", thought="Hmm")),
        (answer("", message={"tool_calls": []}, finish_reason="tools"), failed("", "tools")),
        (answer("x", message={"content": PARTS}), Sampled("saba", "stop", thought="Hmm")),
        (answer("saba 🌍 \ud83c", usage=None), Sampled("saba 🌍 \ufffd", "stop")),
    ],
    ids=["stop", "length", "filter", "none", "thinking", "marks", "tools", "parts", "half emoji"],
)  # fmt: skip
def test_answers(make, behaviour, expected):
    with Misbehaving(default=behaviour).serve() as url:
        assert make(url).sample(prompts(1), ONE) == [[expected]]
        if expected[0] and expected[1] != "error":  # and again, out of the cache
            sampler = make(url)
            assert sampler.sample(prompts(1), ONE) == [[expected]]
            assert (sampler.usage.num_requests, sampler.usage.num_cached) == (0, 1)


@pytest.mark.parametrize(
    "failures",
    [
        [answer(status=500), answer(status=500)],
        [half],
        [nothing],
        [raw(b"<html>busy</html>")],
        [raw(b'{"choices": []}'), raw(b"[" * 100_000)],
        [raw(b"\xff\xfe")],
        [raw(b'{"choices": [{"message": {"content": 7}}]}')],
        [raw(b'{"error": {"message": "upstream", "code": 502}}')],
        [raw(b"not gzip", headers={"Content-Encoding": "gzip"})],
        [answer(status=429), answer(status=408), answer(status=503)],
        [slow(1.0, answer())],
        [Drip()],
    ],
    ids=["500", "half", "nothing", "html", "empty", "bytes", "types", "200 error", "gzip", "429",
         "slow", "drip"],
)  # fmt: skip
def test_what_passes_is_asked_again(make, failures):
    server = Misbehaving(*failures)
    with server.serve() as url:
        sampler = make(url, timeout_seconds=0.4)
        assert sampler.sample(prompts(1), ONE) == [[Sampled("P0", "stop")]]
    assert all(each.was_cut.wait(9) for each in failures if isinstance(each, Drip))
    assert len(server.asked) == len(failures) + 1
    assert sampler.usage.num_requests == len(failures) + 1
    assert sampler.usage.num_failed == 0


def test_failures_are_errors_and_never_cached(make, capsys):
    server = Misbehaving(default=answer(status=500))
    with server.serve() as url:
        sampler = make(url)
        assert sampler.sample(prompts(2), ONE) == [[failed("", "HTTP 500")]] * 2
        assert len(server.asked) == 8  # max_attempts each
        assert sampler.usage.failures == {"HTTP 500": 2}
        server.default = answer("")
        assert sampler.sample(prompts(1), ONE) == [[Sampled("", "stop")]]
        server.default = answer(finish_reason="content_filter")
        assert sampler.sample(prompts(1), ONE) == [[failed("P0", "content_filter")]]
        assert sampler.usage.failures == {"HTTP 500": 2, "content_filter": 1}
        assert "left requests without an answer: content_filter 1" in capsys.readouterr().err
        server.default = answer()
        assert sampler.sample(prompts(1), ONE) == [[Sampled("P0", "stop")]]
    assert sampler.usage.num_cached == 0


def test_an_end_that_is_not_reported_is_cut_off_where_all_tokens_are_used(make, capsys):
    whole = answer("saba", finish_reason=None, usage=(10, 20))
    guessed = answer("saba", finish_reason="whatever", usage=(10, 19))
    told = answer("saba", finish_reason="end_turn", usage=(10, 20))
    with Misbehaving(whole, guessed, told).serve() as url:
        sampler = make(url, max_concurrency=1)
        answers = sampler.sample(prompts(3), ONE)
    assert [row[0].finish_reason for row in answers] == ["length", "stop", "stop"]
    assert sampler.usage.unknown_endings == {"whatever": 1}
    assert "unknown finish reasons, taken as finished: whatever 1" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (429, "date"), (500, "seconds")])
def test_retry_after_is_kept(make, status, form):
    after = {"Retry-After": "1"}
    if form == "date":
        now = datetime.now(UTC)
        after = {"Retry-After": format_datetime(now + timedelta(seconds=2), usegmt=True)}
    server = Misbehaving(answer(status=status, headers=after))
    with server.serve() as url:
        assert make(url).sample(prompts(1), ONE) == [[Sampled("P0", "stop")]]
        assert server.asked[1].at - server.asked[0].at >= 0.9


def test_too_many_requests_pause_every_thread(make):
    busy = answer(status=429, headers={"Retry-After": "1"})
    server = Misbehaving(busy, default=slow(0.1, answer()))
    with server.serve() as url:
        make(url, max_concurrency=2).sample(prompts(6), ONE)
    waits = [asked.at - server.asked[0].at for asked in server.asked]
    assert sum(wait < 0.9 for wait in waits) <= 2  # the first, and one that was under way
    too_long = Misbehaving(default=answer(status=429, headers={"Retry-After": "90000"}))
    with too_long.serve() as url, pytest.raises(ValueError, match="a wait of 90000 s"):
        make(url).sample(prompts(1, prefix="q"), ONE)


def test_rate_limits(make):
    server = Misbehaving()
    with server.serve() as url:
        make(url, requests_per_minute=600).sample(prompts(5), ONE)
        assert server.asked[-1].at - server.asked[0].at >= 0.35  # four gaps of 0.1 s
        # 15 tokens each at 50 a second; the bound of 102 that is held back is given back
        asked, server.asked[:] = prompts(5, prefix="q"), []
        make(url, tokens_per_minute=3000, max_concurrency=1).sample(asked, ONE)
        took = server.asked[-1].at - server.asked[0].at
        assert 4 * 15 / 50 - 0.1 <= took < 4 * 102 / 50


# What ends a run.


@pytest.mark.parametrize(
    ("status", "said", "message"),
    [
        (400, {"error": {"message": "no such thing"}}, "HTTP 400 (no such thing); correct model"),
        (401, {"error": {"message": f"Incorrect key {KEY}"}}, "(Incorrect key ***); set TEST_KEY"),
        (403, "<h1>Forbidden</h1>", "expected a key that"),
        (404, {"detail": "Not Found"}, "expected model 'm' at"),
        (307, "", "HTTP 307"),
        (429, {"error": {"code": "insufficient_quota"}}, "credit"),
    ],
)
def test_what_asking_again_cannot_mend_ends_at_once(make, monkeypatch, status, said, message):
    monkeypatch.setenv("TEST_KEY", KEY)
    moved = {"Location": "http://127.0.0.1:1/v1"}
    server = Misbehaving(default=answer(status=status, body=said, headers=moved))
    with server.serve() as url:
        sampler = make(url, api_key_env="TEST_KEY", max_concurrency=1)
        with pytest.raises(ValueError, match="expected") as caught:
            sampler.sample(prompts(3), ONE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(server.asked) == 1


def test_no_server_at_all(make):
    with pytest.raises(ValueError, match=r"expected a server at .*start it or correct base_url"):
        make(f"http://127.0.0.1:{free_port()}/v1", backoff_seconds=3600).sample(prompts(9), ONE)


def test_a_server_that_goes_and_comes_back(make):
    port = free_port()
    server = Misbehaving()
    with server.serve(port) as url:
        sampler = make(url, max_attempts=3)
        sampler.sample(prompts(1), ONE)
    assert sampler.sample(prompts(1, prefix="q"), ONE) == [[failed("", "no connection")]]
    with server.serve(port):
        assert sampler.sample(prompts(1, prefix="q"), ONE) == [[Sampled("Q0", "stop")]]


def test_a_server_that_answers_nothing_any_more_ends_the_run(make):
    server = Misbehaving(answer(), default=answer(status=500))
    with server.serve() as url, pytest.raises(ValueError, match=r"got none to 20 .* \(HTTP 500\)"):
        make(url, max_attempts=1).sample(prompts(100), ONE)
    assert len(server.asked) < 40
    now_and_then = Misbehaving(*[answer(), answer(status=500)] * 25)
    with now_and_then.serve() as url:
        sampler = make(url, max_attempts=1, max_concurrency=1)
        sampler.sample(prompts(50, prefix="q"), ONE)
    assert sampler.usage.num_failed == 25


def test_a_prompt_that_is_too_long_is_its_own_error(make):
    too_long = {"error": {"message": "This model's maximum context length is 4096 tokens."}}
    server = Misbehaving(answer(status=400, body=too_long))
    with server.serve() as url:
        sampler = make(url, max_concurrency=1)
        (lost,), (good,) = sampler.sample(prompts(2), ONE)
        assert lost.failure.startswith("refused: This model's maximum context length")
        assert (lost.finish_reason, good) == ("error", Sampled("P1", "stop"))
    assert len(server.asked) == 2


# Money.

PRICES = {"usd_per_million_prompt_tokens": 1e4, "usd_per_million_completion_tokens": 1e5}
COST = 10 * 1e4 / 1e6 + 5 * 1e5 / 1e6  # 0.6 USD for each answer of the double


def test_the_cap_is_never_passed_and_a_higher_one_goes_on(make):
    server = Misbehaving(default=slow(0.1, answer()))
    bound = (64 + 16 + 2) / 100 + 20 / 10  # all that one request can cost
    with server.serve() as url:
        sampler = make(url, max_cost_usd=9, **PRICES)
        with pytest.raises(CostCapReached, match=r"max_cost_usd is 9 and \d.* a higher max_cost"):
            sampler.sample(prompts(40), ONE)
        num = len(server.asked)
        assert sampler.usage.cost_usd == pytest.approx(num * COST)
        assert 9 - bound < sampler.usage.cost_usd <= 9
        higher = make(url, max_cost_usd=100, **PRICES)
        assert [row[0].finish_reason for row in higher.sample(prompts(40), ONE)] == ["stop"] * 40
        assert len(server.asked) == 40  # each once over both runs
        assert higher.usage.cached_cost_usd == pytest.approx(num * COST)
        assert higher.usage.cost_usd == pytest.approx((40 - num) * COST)


def test_the_cap_holds_for_all_commands_of_a_folder(tmp_path):
    server = Misbehaving()
    spent = []
    with server.serve() as url:
        for time in range(3):
            with spending_in(tmp_path / "run"):
                sampler = OpenAISampler(config(url, max_cost_usd=9, max_concurrency=1, **PRICES))
            with pytest.raises(CostCapReached, match=r"9 and \d.* in this folder"):
                sampler.sample(prompts(40, prefix=f"{time} "), ONE)
            spent.append(sampler.usage.cost_usd)
            sampler.close()
            with (tmp_path / "run" / "spending.jsonl").open("a") as file:
                file.write('{"model": "m@ki')  # killed while it wrote
                file.write("\n")
    assert 6 < spent[0] <= 9
    assert spent[1:] == [0, 0]
    assert sum(spent) == pytest.approx(len(server.asked) * COST)


def test_extra_cannot_pass_the_cap(make):
    server = Misbehaving()
    longer = {"extra": {"max_tokens": 200}, "max_cost_usd": 9, **PRICES}
    with server.serve() as url, pytest.raises(CostCapReached, match=r"may cost up to 20\.8"):
        make(url, **longer).sample(prompts(1), ONE)
    assert server.asked == []


def test_what_is_not_told_counts_at_its_upper_bound(make):
    server = Misbehaving(answer(usage=None), half, answer(status=500))
    with server.serve() as url:
        sampler = make(url, max_concurrency=1, **PRICES)
        sampler.sample(prompts(2), ONE)
    bound = (64 + 16 + 2) / 100 + 20 / 10
    assert sampler.usage.num_unmetered == 2  # the one without figures and the half body
    assert sampler.usage.cost_usd == pytest.approx(2 * bound + COST)


# Keys.


def test_the_key_is_sent_and_told_nowhere(make, monkeypatch, caplog, tmp_path):
    monkeypatch.setenv("TEST_KEY", f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    server = Misbehaving(answer(status=500, body={"error": KEY}), half)
    with server.serve() as url:
        sampler = make(url, api_key_env="TEST_KEY")
        sampler.sample(prompts(3), ONE)
    assert {asked.headers["Authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    told = [repr(sampler), repr(sampler.usage), caplog.text, sampler._config.model_dump_json()]
    told += [repr(vars(sampler._server._client)), sampler.name]
    assert not any(KEY in text for text in told)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_keys_that_are_missing_broken_or_in_the_wrong_place(make, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match=r"environment variable OPENAI_API_KEY, got none; export"):
        OpenAISampler(OpenAIConfig(model="m", cache=None))
    monkeypatch.setenv("TEST_KEY", "sk-\x07-bell")
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        make("http://127.0.0.1:1/v1", api_key_env="TEST_KEY")
    assert "bell" not in str(caught.value)
    wrong = [{"api_key_env": KEY}, {"base_url": f"https://me:{KEY}@host/v1"}]
    for values in [*wrong, {"base_url": f"https://host/v1?key={KEY}"}]:
        with pytest.raises(ValueError, match="expected") as caught:
            OpenAIConfig(model="m", **values)
        assert KEY not in str(caught.value)
    # Another server is not sent OpenAI's key unless the recipe says so.
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = Misbehaving()
    with server.serve() as url:
        make(url).sample(prompts(1), ONE)
        make(url, api_key_env="OPENAI_API_KEY").sample(prompts(1, prefix="q"), ONE)
    assert ["Authorization" in asked.headers for asked in server.asked] == [False, True]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"base_url": "localhost:8000"}, "such as http://localhost:8000/v1"),
        ({"max_cost_usd": 3}, "needs usd_per_million_prompt_tokens"),
        ({"extra": {"stream": True}}, "no 'stream' in extra"),
        ({"max_concurency": 3}, "did you mean 'max_concurrency'"),
    ],
)
def test_bad_configs(values, message):
    with pytest.raises(ValueError, match=message):
        OpenAIConfig(model="m", **values)


def test_greedy_has_one_sample(make):
    with pytest.raises(ValueError, match="num_samples 2 with greedy decoding"):
        make("http://127.0.0.1:1/v1").sample(prompts(1), Sampling(num_samples=2))


# The cache.


def test_what_decides_an_answer_is_in_its_key(make):
    server = Misbehaving()
    warm = Sampling(max_new_tokens=20, temperature=0.7)
    with server.serve() as url, server.serve() as other_url:
        asked = [
            (url, {}, ONE),
            (other_url, {}, ONE),  # the same name on another server may be another model
            (url, {"revision": "r1"}, ONE),
            (url, {"model": "n"}, ONE),
            (url, {"extra": {"top_k": 3}}, ONE),
            (url, {}, Sampling(max_new_tokens=21)),
            (url, {}, warm),
            (url, {}, warm.model_copy(update={"seed": 1})),
        ]
        for _ in range(2):
            for address, values, sampling in asked:
                make(address, **values).sample(prompts(1), sampling)
        assert len(server.asked) == len(asked)
        # The revision says what is served, so it may move.
        moved = make(other_url, revision="r1")
        moved.sample(prompts(1), ONE)
        assert moved.usage.num_cached == 1
    assert make(url).name.startswith("m@127.0.0.1:")
    assert moved.name == "m@r1"
    assert set(OpenAIConfig.model_fields) - OPENAI_OPERATION == {
        "engine", "model", "revision", "extra", "prefill", "thought_marks",
    }  # fmt: skip
    assert server_revision(OpenAIConfig(model="m")) == "api.openai.com"


def test_what_only_changes_how_answers_are_got_changes_no_fingerprint():
    def read(**values):
        return TypeAdapter(ModelConfig).validate_python(
            {"engine": "openai", "model": "m", **values}
        )

    settings = answer_settings(read())
    assert settings == answer_settings(
        read(max_cost_usd=9, max_concurrency=1, cache="a.sqlite", api_key_env="MY_KEY", **PRICES)
    )
    for values in ({"model": "n"}, {"revision": "r"}, {"base_url": "http://localhost/v1"}):
        assert answer_settings(read(**values)) != settings
    assert read().cache == "user"
    assert read(cache=None).cache is None
    config = read(base_url="http://localhost:1/v1", cache=None)
    assert load_sampler(config).name == f"m@{sampler_revision(config)}" == "m@localhost:1"


RUN = """
import sys
from pathlib import Path
from isoglot.core.records import Prompt
from isoglot.models.server.config import OpenAIConfig
from isoglot.models.server.openai import OpenAISampler
from isoglot.core.protocols import Sampling
config = OpenAIConfig(model="m", base_url=sys.argv[1], cache=Path(sys.argv[2]), max_concurrency=3)
prompts = [Prompt.from_text(f"p{i}", language="sw") for i in range(12)]
print([row[0].text for row in OpenAISampler(config).sample(prompts, Sampling())])
"""


def test_a_killed_run_asks_for_nothing_twice(tmp_path):
    hang = slow(30, answer())
    server = Misbehaving(*[answer()] * 5, default=hang)
    with server.serve() as url:
        command = [sys.executable, "-c", RUN, url, str(tmp_path / "answers.sqlite")]
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 20
        while len(server.asked) < 5 + 3 and time.monotonic() < deadline:
            time.sleep(0.01)  # until each of the three threads waits for an answer
        process.send_signal(signal.SIGKILL)
        process.wait()
        answered = {asked.text for asked in server.asked[:5]}
        assert len(server.asked) == 8
        server.default = answer()
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == str([f"P{i}" for i in range(12)])
    later = [asked.text for asked in server.asked[8:]]
    assert sorted(later) == sorted({f"p{i}" for i in range(12)} - answered)


def test_a_tick_that_raises_stops_the_asking(make):
    server = Misbehaving(default=slow(0.05, answer()))

    def interrupt(*_):
        raise KeyboardInterrupt

    with server.serve() as url:
        sampler = make(url, max_concurrency=2)
        with pytest.raises(KeyboardInterrupt) as caught:  # which keeps the frames alive
            sampler.sample(prompts(30), ONE, interrupt)
        time.sleep(0.2)
        assert caught
        assert len(server.asked) < 10
        assert sampler.sample(prompts(30), ONE)[29] == [Sampled("P29", "stop")]
        assert len(server.asked) == 30  # what was under way was kept


# Log-probabilities of labels.


def test_labels(make):
    top = [("A", -0.1), (" A", -3.0), ("B", -4.0), ("C", -5.0)]
    server = Misbehaving(default=answer("A", finish_reason="length", logprobs=top))
    with server.serve() as url:
        sampler = make(url, max_concurrency=1)
        ((first, second),) = sampler.log_likelihoods(prompts(1), [["A", " B"]])
        body = server.asked[0].body
        assert sampler.log_likelihoods(prompts(1), [["A", " B"]]) == [[first, second]]
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
    assert body["temperature"] == 1.0  # some servers give the distribution after temperature
    assert first.log_probability == pytest.approx(-0.0464372)  # log(e^-0.1 + e^-3)
    assert (first.is_greedy, second.is_greedy, first.num_tokens) == (True, False, 1)
    assert second.log_probability == -4.0
    assert sampler.usage.num_cached == 1


def test_a_server_that_refuses_log_probabilities_is_asked_once(make):
    refused = {"error": {"message": "logprobs is not supported with this model"}}
    server = Misbehaving(answer(status=400, body=refused))
    with server.serve() as url:
        sampler = make(url, max_concurrency=1)
        assert sampler.log_likelihoods(prompts(3), [["A"]] * 3) == [[None]] * 3
        assert len(server.asked) == 1
        assert sampler.sample(prompts(1), ONE) == [[Sampled("P0", "stop")]]
