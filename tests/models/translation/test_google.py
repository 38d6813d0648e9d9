"""Google's translation service, over its real client and a loopback server that speaks its API."""

import json
import os
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import served
from serving import free_port, send
from tiny_run import tiny_recipe

pytest.importorskip("google.cloud.translate_v2", reason="needs isoglot[google]")

from isoglot.core.protected import protected
from isoglot.core.protocols import Sampled
from isoglot.line.pipeline import run_recipe
from isoglot.models.load import answer_settings, load_translator, model_name_of
from isoglot.models.server.meter import CostCapReached
from isoglot.models.translation.google import GoogleConfig, GoogleTranslator

KEY = "AIza-test-0123456789"
KNOWN = ("en", "sw", "de", "zh-CN", "zh-TW", "iw", "fil", "no")


class Google:
    """`GET …/v2/languages` and `POST …/v2`; `failures` are the statuses of the first POSTs."""

    def __init__(self, *failures: int, translate=str.upper) -> None:
        self.failures = list(failures)
        self.translate = translate
        self.asked: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Listen on loopback; gives the base URL."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                rows = [{"language": code, "name": code} for code in KNOWN]
                self.say(200, {"data": {"languages": rows}})

            def do_POST(self) -> None:
                outer.paths.append(self.path)
                outer.headers.append(dict(self.headers))
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                if outer.failures:
                    status = outer.failures.pop(0)
                    message = {403: "User Rate Limit Exceeded"}.get(status, "no")
                    self.say(status, {"error": {"code": status, "message": message}})
                    return
                rows = [{"translatedText": outer.translate(text)} for text in body["q"]]
                self.say(200, {"data": {"translations": rows}})

            def say(self, status: int, body: dict) -> None:
                send(self, status, json.dumps(body).encode(), None)

            def log_message(self, *_: object) -> None:
                pass

        with served(Handler) as url:
            yield url


def config(url, **values):
    return GoogleConfig(base_url=url, **({"backoff_seconds": 0.01, "patience_seconds": 5} | values))


def from_english(translator, texts, target="sw", tick=lambda *_: None):
    return translator.translate(texts, ["en"] * len(texts), [target] * len(texts), tick)


@pytest.fixture(scope="module")
def service():
    google = Google()
    with google.serve() as url:
        google.url = url
        yield google


def test_a_text_is_asked_for_as_it_stands_and_never_as_html():
    google = Google()
    with google.serve() as url:
        found = from_english(GoogleTranslator(config(url)), ["one & two <b>", "Tea?\n\n- yes"])
    assert found == [Sampled("ONE & TWO <b>", "stop"), Sampled("TEA?\n\n- YES", "stop")]
    (asked,) = google.asked
    assert (asked["format"], asked["source"], asked["target"]) == ("text", "en", "sw")
    assert asked["model"] == "nmt"
    assert urllib.parse.urlsplit(google.paths[-1]).path == "/language/translate/v2"


TEXT = """\
See https://a.example/b?c=1 and `the house`, {name}.

```py
print("the house")
```
  Mail a.b@c.example [3]!
"""


def test_what_must_be_kept_never_leaves_and_comes_back():
    google = Google()
    with google.serve() as url:
        ((text, reason, *_),) = from_english(GoogleTranslator(config(url)), [TEXT])
    assert reason == "stop"
    assert protected(text) == protected(TEXT)
    assert text.startswith("SEE https://a.example")
    assert text.endswith("  MAIL a.b@c.example [3]!\n")
    sent = " ".join(google.asked[0]["q"])
    for kept in ("https", "`", "print", "c.example", "{name}"):
        assert kept not in sent


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab .\n`{}[]01<>"), max_size=30), max_size=5))
def test_a_service_that_changes_nothing_changes_no_byte(service, texts):
    before = service.translate
    service.translate = str
    ticks = []
    found = from_english(
        GoogleTranslator(config(service.url)), texts, tick=lambda *a: ticks.append(a)
    )
    service.translate = before
    for text, sampled in zip(texts, found, strict=True):
        assert sampled == (Sampled(text, "stop") if text.strip() else Sampled("", "error"))
    assert len(ticks) == len(texts)


def test_a_lost_mask_is_an_error_and_a_stretch_that_is_too_long_too():
    google = Google(translate=lambda text: text.replace("[0]", ""))
    with google.serve() as url:
        translator = GoogleTranslator(config(url))
        found = from_english(translator, ["see `x`", "fine", "a" * 30_001])
    assert [reason for _, reason, *_ in found] == ["error", "stop", "error"]
    assert sum(len(asked["q"]) for asked in google.asked) == 2


def test_requests_hold_no_more_than_the_service_takes():
    google = Google()
    texts = [f"text {i}" for i in range(300)] + ["a" * 20_000, "b" * 20_000]
    with google.serve() as url:
        found = from_english(GoogleTranslator(config(url)), texts)
    assert [text for text, *_ in found] == [text.upper() for text in texts]
    assert max(len(asked["q"]) for asked in google.asked) == 128
    assert max(sum(map(len, asked["q"])) for asked in google.asked) <= 30_000


def test_each_pair_of_languages_is_asked_for_with_its_codes():
    google = Google()
    tags = ["zh-Hans", "zh-Hant", "he", "tl", "nb", "de"]
    with google.serve() as url:
        GoogleTranslator(config(url), tags).translate(["a"] * 6, ["en"] * 6, tags)
    assert [asked["target"] for asked in google.asked] == [
        "zh-CN", "zh-TW", "iw", "fil", "no", "de",
    ]  # fmt: skip


@pytest.mark.parametrize("failures", [(429,), (500, 503), (403,)])
def test_limits_of_rate_and_errors_of_the_server_pass(failures):
    google = Google(*failures)
    with google.serve() as url:
        assert from_english(GoogleTranslator(config(url)), ["a"]) == [Sampled("A", "stop")]
    assert len(google.asked) == len(failures) + 1


@pytest.mark.parametrize("status", [400, 401])
def test_what_will_not_pass_is_asked_once(status):
    google = Google(*[status] * 5)
    with google.serve() as url:
        translator = GoogleTranslator(config(url))
        with pytest.raises(ValueError, match="turned the request down") as caught:
            from_english(translator, ["a"])
    assert "\n" not in str(caught.value)
    assert len(google.asked) == 1


def test_a_server_that_never_answers_well_ends_in_one_line():
    google = Google(*[503] * 1000)
    with google.serve() as url:
        translator = GoogleTranslator(config(url, patience_seconds=0.3))
        with pytest.raises(ValueError, match=r"answered no request for 0\.3 seconds") as caught:
            from_english(translator, ["a"])
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there():
    with pytest.raises(ValueError, match="answered no request"):
        GoogleTranslator(config(f"http://127.0.0.1:{free_port()}", patience_seconds=0.2))


def test_a_key_goes_in_a_header_and_in_no_name_line_or_fingerprint():
    os.environ["ISOGLOT_TEST_GOOGLE_KEY"] = KEY
    google = Google(400)
    try:
        with google.serve() as url:
            named = config(url, api_key_env="ISOGLOT_TEST_GOOGLE_KEY")
            translator = GoogleTranslator(named)
            with pytest.raises(ValueError, match="turned the request down") as caught:
                from_english(translator, ["a"])
            from_english(GoogleTranslator(config(url)), ["a"])
    finally:
        del os.environ["ISOGLOT_TEST_GOOGLE_KEY"]
    keys = [headers.get("x-goog-api-key") for headers in google.headers]
    assert keys == [KEY, None], "a key goes only where it is meant to go"
    assert not any(KEY in path for path in google.paths)
    for said in (str(caught.value), translator.name, str(answer_settings(named))):
        assert KEY not in said
    with pytest.raises(ValueError, match="environment variable ISOGLOT_TEST_GOOGLE_KEY"):
        GoogleTranslator(named)
    with pytest.raises(ValueError, match="must stand in no recipe") as caught:
        config("http://a.example", api_key_env="AIza-secret")
    assert "AIza" not in str(caught.value)


def test_the_cap_holds():
    google = Google()
    with google.serve() as url:
        translator = GoogleTranslator(config(url, max_cost_usd=0.001))  # 50 characters
        from_english(translator, ["a" * 30])
        with pytest.raises(CostCapReached, match=r"max_cost_usd is 0\.001"):
            from_english(translator, ["a" * 30])
    assert translator.num_characters == 30
    assert len(google.asked) == 1


def test_an_unknown_language_is_one_line_before_anything_runs(tiny_policy, tmp_path):
    google = Google()
    with google.serve() as url:
        translator = f"translator={{engine: google, base_url: '{url}'}}"
        recipe = tiny_recipe(tiny_policy, translator, "languages=[en, es, sw]")
        with pytest.raises(ValueError, match=r"Google does not translate Spanish \(es\)") as caught:
            run_recipe(recipe, tmp_path / "run", silent=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert not google.asked


def test_a_recipe_names_it(service):
    named = config(service.url, revision="2026-11")
    assert load_translator(named, languages=["en", "de"]).name == model_name_of(named)
    assert model_name_of(named) == "google-nmt@2026-11"
    assert answer_settings(named) == answer_settings(config("http://a.example", revision="2026-11"))
    assert answer_settings(named) != answer_settings(config(service.url, revision="2026-12"))
