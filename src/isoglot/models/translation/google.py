"""Google's Cloud Translation, version 2 of its REST API, through the vendor's own client."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from isoglot.core.errors import InputError, require
from isoglot.core.languages import language
from isoglot.core.layout import Piece
from isoglot.core.protected import FENCE, mask, unmask
from isoglot.core.protocols import Sampled, Tick, no_tick
from isoglot.core.records import FinishReason
from isoglot.core.section import Section
from isoglot.models.batches import split_batches
from isoglot.models.server.key import KeyVariable, read_key
from isoglot.models.server.meter import CostCapReached
from isoglot.models.server.spending import Spending
from isoglot.models.translation.codes import names_of

_VENDOR = "https://translation.googleapis.com"
_TEXTS_PER_REQUEST = 128
_CHARACTERS_PER_REQUEST = 30_000
GOOGLE_OPERATION = frozenset(
    {
        "api_key_env",
        "base_url",
        "patience_seconds",
        "backoff_seconds",
        "usd_per_million_characters",
        "max_cost_usd",
    }
)
"""Settings that do not change translations; `google_revision` covers the address."""
_RATE_LIMITS = ("rateLimitExceeded", "userRateLimitExceeded", "Rate Limit Exceeded")


class GoogleConfig(Section):
    """Google's translation service. Credentials come from the environment only: Application Default
    Credentials (`gcloud auth application-default login`), or a key in an environment variable."""

    model_config = ConfigDict(hide_input_in_errors=True)  # it may be a key in the wrong place

    engine: Literal["google"] = "google"
    model: str = "nmt"
    """The model of the service."""
    api_key_env: KeyVariable = None
    """The environment variable with a key. By default Application Default Credentials for Google's
    own address and none for any other: a key is sent only where it belongs."""
    base_url: str = _VENDOR
    """Address of the service."""
    revision: str = ""
    """A name for the present version, such as a date: the service does not tell its version."""
    patience_seconds: float = Field(600, gt=0)
    """Time during which one request is retried after a rate limit or a server error."""
    backoff_seconds: float = Field(1.0, gt=0)
    """Upper bound of the first wait, which doubles."""
    usd_per_million_characters: float = Field(20.0, ge=0)
    """Price of `nmt` beyond 500,000 characters a month (cloud.google.com/translate/pricing)."""
    max_cost_usd: float | None = Field(None, gt=0)
    """No request starts that could exceed it, together with what the service has cost in the same
    output folder before."""


class GoogleTranslator:
    """Translates whole texts; code, addresses and placeholders are kept byte for byte.

    An answer has finish reason `error` if one of them was lost, or if a segment is longer than a
    request may be. Raises InputError, before anything is translated, for a language that the
    service does not know, and if it refuses the caller.
    """

    def __init__(self, config: GoogleConfig, languages: Sequence[str] = ()) -> None:
        self.name = google_name(config)
        self.num_characters = 0
        """Characters sent so far, which are billed."""
        self._spending = Spending(self.name)
        self._config = config
        self._client = _client(config)
        rows = self._retry(lambda: self._client.get_languages(target_language="en"))
        self._known = {row["language"].casefold(): row["language"] for row in rows}
        for tag in languages:
            self.code(tag)

    def code(self, tag: str) -> str:
        """Return the service's code of a language; raise InputError for an unknown one."""
        row = language(tag)
        names = names_of(row)
        if known := [name for name in names if name.casefold() in self._known]:
            return self._known[known[0].casefold()]
        raise InputError(
            f"Google does not translate {row.english_name} ({row.tag}): expected one of "
            f"{', '.join(names)} among the {len(self._known)} languages of the service; leave the "
            "language out, or take another translator"
        )

    def translate(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        targets: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Sampled]:
        """See `Translator.translate`."""
        layouts = [_split(text) for text in texts]
        todo: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        missing: Counter[int] = Counter()
        for i, pieces in enumerate(layouts):
            pair = (self.code(sources[i]), self.code(targets[i]))
            sent = [
                (i, j)
                for j, piece in enumerate(pieces)
                if piece.is_sentence and len(piece.text) <= _CHARACTERS_PER_REQUEST
            ]
            todo[pair] += sent
            missing[i] = len(sent)
            if not sent:
                tick(1, targets[i])

        def fits(batch: list[tuple[int, int]], new: tuple[int, int]) -> bool:
            size = sum(len(layouts[i][j].text) for i, j in (*batch, new))
            return len(batch) < _TEXTS_PER_REQUEST and size <= _CHARACTERS_PER_REQUEST

        done: dict[tuple[int, int], str] = {}
        for (source, target), sent in todo.items():
            for batch in split_batches(sent, fits):
                masked = [layouts[i][j].text for i, j in batch]
                done |= zip(batch, self._request(masked, source, target), strict=True)
                missing.subtract(i for i, _ in batch)
                for i in dict.fromkeys(i for i, _ in batch):
                    if not missing[i]:
                        tick(1, targets[i])
        return [_join(pieces, i, done) for i, pieces in enumerate(layouts)]

    def _request(self, texts: list[str], source: str, target: str) -> list[str]:
        num = sum(map(len, texts))
        cap, price = self._config.max_cost_usd, self._config.usd_per_million_characters / 1e6
        if cap is not None and self._spending.usd + num * price > cap:
            raise CostCapReached(
                f"max_cost_usd is {cap:g} and {self._spending.usd:.4f} USD are spent in this "
                f"folder, on {self.num_characters:,} characters of this command and all of those "
                "before; finished shards are kept, and the same command with a higher max_cost_usd "
                "continues from there"
            )
        rows = self._retry(
            lambda: self._client.translate(
                texts,
                target_language=target,
                source_language=source,
                format_="text",
                model=self._config.model,
            )
        )
        self.num_characters += num
        self._spending.add(num * price)
        return [row["translatedText"] for row in rows]

    def _retry(self, call: Callable[[], Any]) -> Any:
        """Make a request, and repeat it with growing waits while that may help."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.api_core.retry import Retry
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        retry = Retry(
            predicate=_is_temporary,
            initial=self._config.backoff_seconds,
            maximum=max(60.0, self._config.backoff_seconds),
            timeout=self._config.patience_seconds,
        )
        try:
            return retry(call)()
        except RetryError as error:
            raise InputError(
                f"{self._config.base_url} answered no request for "
                f"{self._config.patience_seconds:g} seconds ({_one_line(error.cause)}); the same "
                "command continues from the finished shards"
            ) from None
        except (GoogleAPICallError, GoogleAuthError, RequestException) as error:
            raise InputError(
                f"{self._config.base_url} turned the request down ({_one_line(error)}); check the "
                "credentials, the quota and that the Cloud Translation API is enabled"
            ) from None


def google_revision(config: GoogleConfig) -> str:
    """Return the revision of the config, or the address."""
    return config.revision or urlsplit(config.base_url).netloc


def google_name(config: GoogleConfig) -> str:
    """Return `model@revision`."""
    return f"google-{config.model}@{google_revision(config)}"


def _client(config: GoogleConfig) -> Any:
    require("google", "engine google")
    from google.auth import api_key
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import translate_v2

    credentials: Any = None  # Application Default Credentials
    if config.api_key_env is not None:
        credentials = api_key.Credentials(read_key(config.api_key_env, config.base_url))
    elif config.base_url != _VENDOR:
        credentials = AnonymousCredentials()
    try:
        return translate_v2.Client(
            credentials=credentials, client_options={"api_endpoint": config.base_url}
        )
    except DefaultCredentialsError:
        raise InputError(
            "expected credentials for Google, got none; run `gcloud auth application-default "
            "login`, set GOOGLE_APPLICATION_CREDENTIALS, or name the variable of a key in "
            "api_key_env"
        ) from None


def _is_temporary(error: Exception) -> bool:
    """True for errors that a retry may avoid: rate limits, server errors, a lost connection."""
    from google.api_core.exceptions import Forbidden, ServerError, TooManyRequests
    from requests.exceptions import ConnectionError as LostConnection
    from requests.exceptions import Timeout

    if isinstance(error, Forbidden):
        return any(limit in str(error) for limit in _RATE_LIMITS)
    return isinstance(error, TooManyRequests | ServerError | LostConnection | Timeout)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _split(text: str) -> list[Piece]:
    """Split a text at its code blocks; Google translates whole segments, not single sentences."""
    pieces: list[Piece] = []
    end = 0
    for fence in FENCE.finditer(text):
        pieces += [*_segment(text[end : fence.start()]), Piece(fence[0], False)]
        end = fence.end()
    return [*pieces, *_segment(text[end:])]


def _segment(text: str) -> list[Piece]:
    inner = text.strip()
    masked, kept = mask(inner)
    if not any(map(str.isalpha, masked)):
        return [Piece(text, False)]
    before, _, after = text.partition(inner)
    return [Piece(before, False), Piece(masked, True, tuple(kept)), Piece(after, False)]


def _join(pieces: Sequence[Piece], i: int, done: dict[tuple[int, int], str]) -> Sampled:
    out, failed = [], Sampled("", FinishReason.ERROR)
    for j, piece in enumerate(pieces):
        text: str | None = piece.text
        if piece.is_sentence:
            text = unmask(done[i, j], piece.kept) if (i, j) in done else None
        if text is None:
            return failed
        out.append(text)
    whole = "".join(out)
    return Sampled(whole, FinishReason.STOP) if whole.strip() else failed
