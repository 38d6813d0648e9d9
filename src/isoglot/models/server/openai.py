"""A model on an OpenAI-compatible server, as a sampler and for the likelihoods of labels."""

import asyncio
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

from isoglot.core.endings import read_ending
from isoglot.core.errors import InputError
from isoglot.core.protocols import Likelihood, Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt
from isoglot.core.verbosity import tell
from isoglot.models.server.cache import AnswerCache, answer_key, user_cache
from isoglot.models.server.chat import ChatReply, cached_reply, read_chat
from isoglot.models.server.config import OpenAIConfig, server_model_name, server_revision
from isoglot.models.server.http import NO_LOG_PROBABILITIES, HttpServer, NoReply
from isoglot.models.server.labels import label_likelihoods
from isoglot.models.server.meter import Charge, Meter, Usage
from isoglot.models.server.requests import Requests
from isoglot.models.server.spending import Spending

_LIMITS = ("max_tokens", "max_completion_tokens")
_TOP_LOGPROBS = 20
"""OpenAI's maximum."""
_TEMPLATE_TOKENS = 64
_TEMPLATE_TOKENS_PER_MESSAGE = 16
_GIVE_UP_AFTER = 20


class _Request(NamedTuple):
    body: dict[str, Any]
    sample: int
    charge: Charge
    """Upper bound of its tokens."""


class OpenAISampler:
    """Sampler over a server, with many requests at a time and a cache of answers.

    An answer that fails after all attempts has finish reason `error` and is never cached; nor is an
    empty one, which often means a server in trouble. Raises InputError if no further request can
    succeed, and its subclass CostCapReached before `max_cost_usd` is exceeded: the same call then
    continues from the cache.
    """

    def __init__(self, config: OpenAIConfig) -> None:
        self.name = server_model_name(config)
        self._config = config
        self._meter = Meter(
            config.usd_per_million_prompt_tokens,
            config.usd_per_million_completion_tokens,
            config.max_cost_usd,
            Spending(self.name),
        )
        self._server = HttpServer(config, self._meter)
        self._read = partial(read_chat, marks=config.thought_marks)
        self._requests = Requests(self._reply, config.max_concurrency)
        cache = user_cache() if config.cache == "user" else config.cache
        self._cache = None if cache is None else AnswerCache(cache)
        self._ever_answered, self._num_failed_in_a_row = False, 0
        self._has_log_probabilities: bool | None = None

    @property
    def usage(self) -> Usage:
        """Requests, tokens and cost so far."""
        return self._meter.usage

    def close(self) -> None:
        """Close the connections and the cache."""
        self._server.close()
        if self._cache is not None:
            self._cache.close()

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`. Sample i has seed + i, which not every server honours."""
        sampling.require_distinct_samples()
        if sampling.max_thinking_tokens is not None:
            raise InputError(
                "expected no max_thinking_tokens for a server, whose limit has a name of its own; "
                "give that in `extra`, such as {thinking_token_budget: 512} for vLLM (served with "
                "--reasoning-config), and leave max_thinking_tokens out"
            )
        num_samples = sampling.num_samples
        requests = [
            self._request(prompt, _decoding(sampling, i), sampling.max_new_tokens, i)
            for prompt in prompts
            for i in range(num_samples)
        ]
        failures, endings = self.usage.failures.copy(), self.usage.unknown_endings.copy()
        answers = [[Sampled("", FinishReason.ERROR)] * num_samples for _ in prompts]
        missing = [num_samples] * len(prompts)
        with closing(self._replies(requests)) as replies:
            for index, reply in replies:
                row, i = divmod(index, num_samples)
                num_tokens = 0
                if isinstance(reply, NoReply):
                    answers[row][i] = answers[row][i]._replace(failure=reply.reason)
                else:
                    answers[row][i] = self._sampled(prompts[row], reply)
                    num_tokens = reply.completion_tokens or 0
                missing[row] -= 1
                tick(int(not missing[row]), prompts[row].language, num_tokens)
        self._tell(self.usage.failures - failures, self.usage.unknown_endings - endings)
        return answers

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """Return the likelihood that the answer to each prompt begins with each of a few labels.

        Only the 20 most likely first tokens are known, so this is for labels that differ in their
        first token (`A` and `B`, `yes` and `no`), and not for texts. None if the server returns no
        log-probabilities, or if they do not distinguish the labels.
        """
        answers: list[list[Likelihood | None]] = [[None] * len(labels) for labels in continuations]
        decoding = {"temperature": 1.0, "logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        requests = [self._request(prompt, decoding, 1, 0) for prompt in prompts]
        with closing(self._replies(requests)) as replies:
            for i, reply in replies:
                if isinstance(reply, ChatReply) and reply.top:
                    answers[i] = label_likelihoods(continuations[i], reply.top)
                tick(1, prompts[i].language)
        return answers

    def _sampled(self, prompt: Prompt, reply: ChatReply) -> Sampled:
        """Return the answer of a reply, without a prefill that the server repeats."""
        last = prompt.prompt[-1]
        is_begun = last["role"] == "assistant" and not self._config.prefill
        text = reply.text.removeprefix(last["content"]) if is_begun else reply.text
        has_failed = reply.finish_reason == FinishReason.ERROR
        failure = reply.ended if has_failed else None
        return Sampled(text, reply.finish_reason, thought=reply.thought or None, failure=failure)

    def _request(
        self, prompt: Prompt, decoding: Mapping[str, Any], max_tokens: int, sample: int
    ) -> _Request:
        config = self._config
        messages = [dict(message) for message in prompt.prompt]
        # OpenAI's newer models refuse the name that all other servers use.
        limit = {_LIMITS[config.is_vendor]: max_tokens}
        primed = config.prefill if messages[-1]["role"] == "assistant" else {}
        body = {"model": config.model, "messages": messages, **limit, **decoding, **primed}
        body = {key: value for key, value in (body | config.extra).items() if value is not None}
        # A token is at least one byte, in every tokenizer and script.
        num_bytes = sum(len(message["content"].encode(errors="replace")) for message in messages)
        template = _TEMPLATE_TOKENS + _TEMPLATE_TOKENS_PER_MESSAGE * len(messages)
        limits = [value for key in _LIMITS if isinstance(value := body.get(key), int)]
        most = max(limits, default=max_tokens)  # `extra` may hold another
        return _Request(body, sample, Charge(num_bytes + template, most))

    def _replies(self, requests: Sequence[_Request]) -> Generator[tuple[int, ChatReply | NoReply]]:
        """Yield the index of each request with its reply, or why there is none, as they arrive.

        Equal requests are sent once.
        """
        indices: dict[str, list[int]] = {}
        revision = server_revision(self._config)
        if self._config.thought_marks != "auto":  # the cache holds thought and answer apart
            revision = "\n".join((revision, *self._config.thought_marks))
        for index, request in enumerate(requests):
            key = answer_key(revision, request.body, request.sample)
            indices.setdefault(key, []).append(index)
        keyed = [(key, requests[equal[0]]) for key, equal in indices.items()]
        equals = list(indices.values())
        with closing(self._requests.replies(keyed)) as replies:
            for place, reply in replies:
                for index in equals[place]:
                    yield index, reply

    async def _reply(self, keyed: tuple[str, _Request], stop: asyncio.Event) -> ChatReply | NoReply:
        key, request = keyed
        if self._cache is not None:
            known = await asyncio.to_thread(self._cache.get, key)
            if known is not None:
                reply = cached_reply(known)
                self._meter.count_cached(reply.prompt_tokens, reply.completion_tokens)
                return reply
        wants_top = "logprobs" in request.body
        if wants_top and self._has_log_probabilities is False:
            return NoReply(NO_LOG_PROBABILITIES, again=False)
        try:
            reply = await self._server.post(
                "chat/completions", request.body, request.charge, stop, self._read
            )
        except NoReply as failure:
            if not stop.is_set():
                self._count_failure(failure)
            return failure
        reply = self._ended(reply, request.charge.completion_tokens)
        is_answer = reply.finish_reason != FinishReason.ERROR and (reply.top or reply.text)
        if self._cache is not None and is_answer and (reply.top or not wants_top):
            await asyncio.to_thread(self._cache.put, key, reply._asdict())
        self._ever_answered, self._num_failed_in_a_row = True, 0
        if wants_top:
            self._has_log_probabilities = self._has_log_probabilities or reply.top is not None
        return reply

    def _tell(self, failures: Counter[str], endings: Counter[str]) -> None:
        """Name the reasons why answers are missing, and the finish reasons that are not known."""
        for counts, fate in (
            (failures, "left requests without an answer"),
            (endings, "gave unknown finish reasons, taken as finished"),
        ):
            if counts:
                named = ", ".join(f"{reason} {num:,}" for reason, num in counts.most_common())
                tell(f"{self.name} {fate}: {named}")

    def _ended(self, reply: ChatReply, max_tokens: int) -> ChatReply:
        """Count a reply that failed, and one whose end is a guess: with all of its tokens it is
        cut off, else finished."""
        ending = read_ending(reply.ended)
        if reply.finish_reason == FinishReason.ERROR:
            self._meter.count_failure(reply.ended)
        elif not ending.is_known:
            self._meter.usage.unknown_endings[reply.ended] += 1
        is_told = bool(reply.ended) and ending.is_known
        if not is_told and (reply.completion_tokens or 0) >= max_tokens:
            return reply._replace(finish_reason=FinishReason.LENGTH)
        return reply

    def _count_failure(self, failure: NoReply) -> None:
        """Count a failure, and end the run if there are only failures."""
        self._meter.count_failure(failure.reason)
        if failure.reason == NO_LOG_PROBABILITIES:
            self._has_log_probabilities = False
        elif failure.again or not self._ever_answered:
            self._num_failed_in_a_row += 1
        if self._num_failed_in_a_row < max(_GIVE_UP_AFTER, 2 * self._config.max_concurrency):
            return
        num, self._num_failed_in_a_row = self._num_failed_in_a_row, 0
        raise InputError(
            f"expected answers from {self._config.base_url}, got none to {num} prompts in a row "
            f"({failure.reason}); mend the server and give the same command, which continues from "
            f"the answers in the cache"
        )


def _decoding(sampling: Sampling, sample: int) -> dict[str, Any]:
    decoding: dict[str, Any] = {"temperature": sampling.temperature}
    if sampling.temperature > 0:
        decoding |= {"top_p": sampling.top_p, "seed": sampling.seed + sample}
    if sampling.repetition_penalty != 1:  # not in OpenAI's API, though in most servers
        decoding["repetition_penalty"] = sampling.repetition_penalty
    return decoding
