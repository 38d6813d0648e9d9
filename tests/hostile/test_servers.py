"""A server that means no good: answers end in time and bounds, under a name, without the key."""

import gzip
import json
import logging
import time

import pytest
from serving import Drip, Misbehaving, answer, half, nothing, raw, send, slow

from isoglot.core.protocols import Sampling
from isoglot.core.records import Prompt
from isoglot.models.server.config import OpenAIConfig
from isoglot.models.server.openai import OpenAISampler

KEY = "sk-hostile-0123456789abcdef"
ASKED = [Prompt.from_text("swali", language="sw")]
SHORT = Sampling(max_new_tokens=20)
CHUNK = b'data: {"choices": [{"delta": {"content": "saba"}}]}\n\n'
BOMB = gzip.compress(b" " * 200_000_000, 1)


def dripping_headers(handler, _):
    handler.close_connection = True
    number = 0
    while True:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" if not number else b"X-%d: y\r\n" % number)
        handler.wfile.flush()
        number += 1
        time.sleep(0.02)


def endless(handler, _):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    while True:
        handler.wfile.write(b" " * 1_000_000)


def echo_of_the_key(handler, asked):
    send(handler, 500, json.dumps({"error": asked.headers["Authorization"]}).encode(), None)


def choice(**values):
    return raw(json.dumps({"choices": [{"message": {"content": "saba"}} | values]}).encode())


LOST = {
    "500": (answer(status=500), "HTTP 500"),
    "502 of a gateway": (raw(b"<html>Bad gateway</html>", 502), "HTTP 502"),
    "429": (answer(status=429), "HTTP 429"),
    "429 for no seconds": (answer(status=429, headers={"Retry-After": "-1"}), "HTTP 429"),
    "429 until a past date": (
        answer(status=429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}), "HTTP 429"),
    "429 until nonsense": (answer(status=429, headers={"Retry-After": "soon, \x7f"}), "HTTP 429"),
    "hangs": (slow(3, answer()), "time-out"),
    "drips its body": (Drip(), "time-out"),
    "drips its headers": (dripping_headers, "time-out"),
    "closes": (nothing, "broken off"),
    "half a body": (half, "broken off"),
    "endless": (endless, "endless"),
    "a bomb": (raw(BOMB, headers={"Content-Encoding": "gzip"}), "endless"),
    "two wrappings": (raw(BOMB, headers={"Content-Encoding": "gzip, gzip"}), "nonsense"),
    "an unknown wrapping": (raw(b"x", headers={"Content-Encoding": "zstd"}), "nonsense"),
    "no JSON": (raw(b"\x00\xff"), "nonsense"),
    "nested": (raw(b"[" * 1_000_000), "nonsense"),
    "a huge number": (raw(b'{"choices": ' + b"9" * 100_000 + b"}"), "nonsense"),
    "no choices": (raw(b'{"choices": []}'), "nonsense"),
    "null": (raw(b"null"), "nonsense"),
    "choices of text": (raw(b'{"choices": "abc"}'), "nonsense"),
    "a message of text": (raw(b'{"choices": [{"message": "abc"}]}'), "nonsense"),
    "parts of null": (raw(b'{"choices": [{"message": {"content": [null]}}]}'), "nonsense"),
    "log-probabilities of text": (
        choice(logprobs={"content": [{"top_logprobs": ["x"]}]}), "nonsense"),
    "a stream": (raw(CHUNK * 3 + b"data: [DONE]\n\n"), "nonsense"),
    "an echo of the key": (echo_of_the_key, "HTTP 500"),
    "a refusal": (answer("", finish_reason="content_filter"), "content_filter"),
    "an abort": (answer("", finish_reason="abort"), "abort"),
}  # fmt: skip
ENDED = {"": "stop", None: "stop", "end_turn": "stop", "STOP": "stop", "eos": "stop"}
ENDED |= {"model_length": "length", "eos_token": "stop", "COMPLETE": "stop", "xyz": "stop"}


@pytest.fixture
def sampler_of(monkeypatch, tmp_path):
    """A sampler with a key, of which each test has its own, in a folder of its own."""
    monkeypatch.setenv("HOSTILE_KEY", KEY)
    made = []

    def make(url, **values):
        settings = {"max_attempts": 2, "backoff_seconds": 0, "timeout_seconds": 1} | values
        config = OpenAIConfig(
            model="m",
            base_url=url,
            api_key_env="HOSTILE_KEY",
            cache=tmp_path / "answers.sqlite",
            **settings,
        )
        made.append(OpenAISampler(config))
        return made[-1]

    yield make
    for sampler in made:
        sampler.close()


@pytest.mark.parametrize("name", LOST)
def test_it_ends_in_time_under_a_name_and_tells_no_key(sampler_of, tmp_path, caplog, capfd, name):
    caplog.set_level(logging.DEBUG)
    behaviour, reason = LOST[name]
    server = Misbehaving(default=behaviour)
    start = time.monotonic()
    with server.serve() as url:
        sampler = sampler_of(url)
        ((sampled,),) = sampler.sample(ASKED, SHORT)
        took = time.monotonic() - start
    assert (sampled.text, sampled.finish_reason, sampled.failure) == ("", "error", reason)
    assert took < 6  # two attempts of a second each, on a busy machine
    assert len(server.asked) <= 2
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(KEY.encode() in path.read_bytes() for path in files)
    told = [caplog.text, *capfd.readouterr(), repr(sampler.usage), repr(sampled)]
    assert not any(KEY in text for text in told)


def test_a_redirect_takes_the_key_nowhere(sampler_of):
    elsewhere = Misbehaving()
    with elsewhere.serve() as there:
        for status in (301, 302, 303, 307, 308):
            to = {"Location": f"{there}/chat/completions"}
            with Misbehaving(default=answer(status=status, headers=to)).serve() as url:
                sampler = sampler_of(url)
                with pytest.raises(ValueError, match=f"got HTTP {status}.*; correct") as caught:
                    sampler.sample(ASKED, SHORT)
                assert KEY not in str(caught.value)
    assert elsewhere.asked == []


def test_a_cookie_is_not_sent_back(sampler_of):
    server = Misbehaving(default=answer(headers={"Set-Cookie": "id=1; Path=/"}))
    with server.serve() as url:
        sampler = sampler_of(url, max_concurrency=1)
        sampler.sample([Prompt.from_text(f"{i}", language="sw") for i in range(3)], SHORT)
    assert len(server.asked) == 3
    assert not any("Cookie" in asked.headers for asked in server.asked)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_that_repeats_the_key_does_not_tell_it(sampler_of, status):
    body = {"error": {"message": f"no {KEY}\x1b[31m\n for you"}}
    with Misbehaving(default=answer(status=status, body=body)).serve() as url:
        sampler = sampler_of(url)
        with pytest.raises(ValueError, match=rf"got HTTP {status} \(no \*\*\*") as caught:
            sampler.sample(ASKED, SHORT)
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("word", ENDED)
def test_a_good_text_stays_whatever_its_end_is_called(sampler_of, word):
    server = Misbehaving(default=answer("saba", finish_reason=word))
    with server.serve() as url:
        ((sampled,),) = sampler_of(url).sample(ASKED, SHORT)
    assert (sampled.text, sampled.finish_reason) == ("saba", ENDED[word])
    assert len(server.asked) == 1
