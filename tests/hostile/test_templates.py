"""Chat templates of strangers: each ends, in bounds, in one line."""

import os
import threading
import time
from types import SimpleNamespace

import pytest
from transformers import PreTrainedTokenizerFast

from isoglot.core.errors import InputError
from isoglot.models.local.bounds import bounded, check_template_text
from isoglot.models.local.template import render_chat

TURN = [{"role": "user", "content": "Habari?"}]
LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
DOUBLES = (
    "{% set n = namespace(x='abcdefgh') %}"
    "{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}"
)

REFUSED = {
    "a syntax error": "{% for %}",
    "an unknown tag": "{% whatever %}",
    "division by zero": "{{ 1 // 0 }}{{ messages }}",
    "no such name": "{{ nothing.there.at.all }}",
    "a call of nothing": "{{ nothing() }}",
    "an include": "{% include '/etc/passwd' %}",
    "an import": "{% import 'os' as os %}",
    "a long range": "{% for i in range(9999999) %}{% endfor %}",
    "recursion": "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "a refusal": "{{ raise_exception('no turns') }}",
    "an attribute": "{{ messages.__class__.__mro__ }}{{ ''.__class__.__base__.__subclasses__() }}",
    "a format string": "{{ '{0.__class__.__mro__[1].__subclasses__}'.format(1) }}{{ x.y.z }}",
    "a bad format": "{{ '%d' | format('x') }}",
    "a key": "{{ messages[99]['role'] }}{{ messages[99].x.y }}",
    "a type": "{{ messages + 1 }}",
    "a change": "{{ messages.append(1) }}",
    "depth": "{{ " + "(" * 5000 + ")" * 5000 + " }}",
}


def tokenizer_of(template):
    from tokenizers import Tokenizer, models

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_that_fails_is_one_line(name):
    with pytest.raises(InputError, match=r"^expected a chat template .*; leave the turn") as caught:
        render_chat(tokenizer_of(REFUSED[name]), TURN)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("template", "bound"), [(LOOPS, "3 seconds"), (DOUBLES, "(a gigabyte|3 seconds)")]
)
def test_a_template_that_does_not_end_is_ended(template, bound):
    start = time.monotonic()
    with pytest.raises(InputError, match=f"takes more than {bound}"):
        render_chat(tokenizer_of(template), TURN)
    assert time.monotonic() - start < 20
    assert render_chat(tokenizer_of("{{ messages[0]['content'] }}"), TURN) == "Habari?"


@pytest.mark.parametrize("template", ["{{ 9 ** 9 ** 9 }}", "{{ 'a' * 10000000000 }}"])
def test_what_jinja_would_compute_for_ever_is_refused_unread(template):
    with pytest.raises(InputError, match="without powers and numbers over 10,000,000, got"):
        check_template_text(template)
    check_template_text("**Bold** 99999999999 {{ 2026 * 2 }} {% generation %}{% endgeneration %}")


def test_a_huge_text_is_no_prompt():
    huge = SimpleNamespace(apply_chat_template=lambda *_, **__: "a" * 100_000_001)
    with pytest.raises(InputError, match="writes a prompt, got 100,000,001 characters"):
        render_chat(huge, TURN)


def test_a_block_that_ends_in_time_keeps_its_result_and_its_errors():
    for _ in range(200):
        with bounded():
            assert sum(range(100)) == 4950
    with pytest.raises(KeyError), bounded():
        raise KeyError("own")


def test_one_thread_watches_all_blocks():
    with bounded():
        before = threading.active_count()
    for _ in range(200):
        with bounded():
            assert threading.active_count() == before


def test_of_two_threads_only_the_one_that_does_not_end_is_ended():
    results = {}

    def render(name, template):
        try:
            results[name] = render_chat(tokenizer_of(template), TURN)
        except InputError as error:
            results[name] = str(error)

    both = [("endless", LOOPS), ("good", "{{ messages[0]['content'] }}")]
    threads = [threading.Thread(target=render, args=each) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results["good"] == "Habari?"
    assert "takes more than 3 seconds" in results["endless"]


def test_a_forked_process_watches_by_itself():
    with bounded():
        child = os.fork()
        if child == 0:
            try:
                render_chat(tokenizer_of(DOUBLES), TURN)
            except InputError as error:
                os._exit(7 if "takes more than" in str(error) else 1)
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
