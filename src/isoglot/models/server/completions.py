"""Completions of tokens by vLLM: the body of a request, and its reply."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from isoglot.core.protocols import Likelihood, Sampling
from isoglot.models.local.prefix_tree import TokenSequence
from isoglot.models.server.http import NoReply

_FINISH_REASONS = ("stop", "length")
"""Any other (`abort`, `error`, none) is an error."""


class TokenLogProbability(NamedTuple):
    """The log-probability of a token of the prompt, after those before it."""

    log_probability: float
    rank: int
    """1 for the token that greedy decoding would write."""


class TokensReply(NamedTuple):
    """A completion of tokens."""

    ids: list[int]
    is_whole: bool
    """False if the server gave up on it."""
    is_stopped: bool
    """True if it ended at a token or a string that ends an answer."""
    prompt_tokens: int | None
    completion_tokens: int | None
    prompt: list[TokenLogProbability | None] | None
    """One for each token of the prompt if they were requested, the first of which has none."""


def completion_body(
    ids: Sequence[int], sampling: Sampling, max_tokens: int, seed: int, eos_ids: Sequence[int]
) -> dict[str, Any]:
    """Return the body of a request for one completion."""
    body: dict[str, Any] = {
        "prompt": ids,
        "max_tokens": max_tokens,
        "temperature": sampling.temperature,
        "stop_token_ids": eos_ids,
        "return_token_ids": True,
    }
    if sampling.temperature > 0:
        body |= {"top_p": sampling.top_p, "seed": seed}
    if sampling.repetition_penalty != 1:
        body["repetition_penalty"] = sampling.repetition_penalty
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body


def likelihood_body(ids: Sequence[int]) -> dict[str, Any]:
    """Return the body of a request for the log-probability of each token of a prompt."""
    body = {"prompt": ids, "max_tokens": 1, "temperature": 0.0}
    return {**body, "prompt_logprobs": 0, "return_token_ids": True}


def read_completion(answer: bytes) -> TokensReply:
    """Parse a body; raise NoReply if it does not follow the API."""
    try:
        body = json.loads(answer)
        choice = body["choices"][0]
        reason = choice.get("finish_reason")
        is_whole, is_stopped = reason in _FINISH_REASONS, reason == _FINISH_REASONS[0]
        usage = body.get("usage") or {}
        scored = choice.get("prompt_logprobs")
        prompt = None if scored is None else [_log_probability(entry) for entry in scored]
        num_read, num_written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        ids = [int(token) for token in choice["token_ids"]]
        return TokensReply(ids, is_whole, is_stopped, num_read, num_written, prompt)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NoReply("nonsense", again=True) from None


def likelihood_of(sequence: TokenSequence, reply: TokensReply) -> Likelihood | None:
    """Return the likelihood of a continuation from the log-probabilities of the whole sequence."""
    if reply.prompt is None or len(reply.prompt) != len(sequence.ids):
        return None
    tokens = reply.prompt[sequence.start :]
    if None in tokens:
        return None
    known = [token for token in tokens if token is not None]
    total = sum(token.log_probability for token in known)
    return Likelihood(total, len(known), all(token.rank == 1 for token in known))


def _log_probability(entry: dict[str, Any] | None) -> TokenLogProbability | None:
    """Read the entry of a position: the token of the prompt is the only one, or comes first."""
    if entry is None:
        return None
    token = next(iter(entry.values()))
    return TokenLogProbability(float(token["logprob"]), int(token["rank"]))
