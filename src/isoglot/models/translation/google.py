"""Google's Cloud Translation, version 2 of its API over REST, through the vendor's own client."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from isoglot.core.errors import InputError
from isoglot.core.languages import ALIASES, language
from isoglot.core.protected import FENCE, mask, unmask
from isoglot.core.protocols import Sampled, Tick, no_tick
from isoglot.core.records import FinishReason
from isoglot.core.section import Section
from isoglot.models.server.meter import CostCapReached

_VENDOR = "https://translation.googleapis.com"
_TEXTS_OF_A_REQUEST = 128
_CHARACTERS_OF_A_REQUEST = 30_000
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
"""What decides how translations are got, and not which."""
_RATE_LIMITS = ("rateLimitExceeded", "userRateLimitExceeded", "Rate Limit Exceeded")


class GoogleConfig(Section):
    """Google's translation service. Who asks is told by the environment alone: Application Default
    Credentials (`gcloud auth application-default login`), or a key in an environment variable."""

    model_config = ConfigDict(hide_input_in_errors=True)  # it may be a key in the wrong place

    kind: Literal["google"] = "google"
    model: str = "nmt"
    api_key_env: str | None = None
    """The environment variable that holds a key. Left out, Application Default Credentials for
    Google's own address and none for any other: a key goes only where it is meant to go."""
    base_url: str = _VENDOR
    revision: str = ""
    """A name for what is served now, such as a date: the service does not say which version it is.
    """
    patience_seconds: float = Field(600, gt=0)
    """How long one request is tried again after a limit of rate or an error of the server."""
    backoff_seconds: float = Field(1.0, gt=0)
    """Upper bound of the first wait, which doubles."""
    usd_per_million_characters: float = Field(20.0, ge=0)
    """As cloud.google.com/translate/pricing has it for `nmt` beyond 500,000 characters a month."""
    max_cost_usd: float | None = Field(None, gt=0)
    """No request of this process starts that would pass it."""

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not name.isidentifier():
            raise InputError(
                "expected the name of an environment variable; the key itself must stand in no "
                "recipe"
            )
        return name


class _Piece(NamedTuple):
    """A stretch of a text between blocks of code, or such a block."""

    before: str
    """Blanks that stay."""
    text: str
    """What is translated, with masks; empty where there is nothing to translate."""
    after: str
    kept: list[str]


class GoogleTranslator:
    """Translates whole texts; code, addresses and placeholders come back byte for byte.

    An answer has finish reason `error` where one of them was lost, or where a stretch is longer
    than a request may be. Raises InputError, before anything is translated, for a language that the
    service does not know, and where it turns the caller down.
    """

    def __init__(self, config: GoogleConfig, languages: Sequence[str] = ()) -> None:
        self.name = google_name(config)
        self.num_characters = 0
        """Sent so far: what is paid for."""
        self._config = config
        self._client = _client(config)
        self._known = {row["language"].casefold(): row["language"] for row in self._languages()}
        for tag in languages:
            self.code(tag)

    def code(self, tag: str) -> str:
        """What the service calls a language; raises InputError for one that it does not know."""
        row = language(tag)
        # Not the language without its script: `zh` alone would answer in the other one.
        names = [row.tag, *(alias for alias, known in ALIASES.items() if known == row.tag)]
        names += [] if "-" in row.tag else [row.iso639_3]
        for name in names:
            if found := self._known.get(name.casefold()):
                return found
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
        """As in the protocol."""
        layouts = [_pieces_of(text) for text in texts]
        todo: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        missing: Counter[int] = Counter()
        for i, pieces in enumerate(layouts):
            pair = (self.code(sources[i]), self.code(targets[i]))
            asked = [(i, j) for j, piece in enumerate(pieces) if _is_sent(piece)]
            todo[pair] += asked
            missing[i] = len(asked)
            if not asked:
                tick(1, targets[i])
        done: dict[tuple[int, int], str] = {}
        for (source, target), places in todo.items():
            for batch in _batches(places, layouts):
                said = [layouts[i][j].text for i, j in batch]
                done |= zip(batch, self._ask(said, source, target), strict=True)
                missing.subtract(i for i, _ in batch)
                for i in dict.fromkeys(i for i, _ in batch):
                    if not missing[i]:
                        tick(1, targets[i])
        return [_joined(pieces, i, done) for i, pieces in enumerate(layouts)]

    def _ask(self, texts: list[str], source: str, target: str) -> list[str]:
        num = sum(map(len, texts))
        self._check_cost(num)

        def ask() -> Any:
            return self._client.translate(
                texts,
                target_language=target,
                source_language=source,
                format_="text",
                model=self._config.model,
            )

        rows = self._patiently(ask)
        self.num_characters += num
        return [row["translatedText"] for row in rows]

    def _languages(self) -> list[dict[str, str]]:
        return self._patiently(lambda: self._client.get_languages(target_language="en"))

    def _check_cost(self, num: int) -> None:
        cap, price = self._config.max_cost_usd, self._config.usd_per_million_characters / 1e6
        if cap is not None and (self.num_characters + num) * price > cap:
            raise CostCapReached(
                f"max_cost_usd is {cap:g} and {self.num_characters * price:.4f} USD are spent on "
                f"{self.num_characters:,} characters; the shards that are done stay, and the same "
                "command with a higher max_cost_usd goes on from there"
            )

    def _patiently(self, ask: Any) -> Any:
        """What a request gives, asked again with growing waits as long as that may help."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.api_core.retry import Retry
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

        again = Retry(
            predicate=_may_pass,
            initial=self._config.backoff_seconds,
            maximum=max(60.0, self._config.backoff_seconds),
            timeout=self._config.patience_seconds,
        )
        try:
            return again(ask)()
        except RetryError as error:
            raise InputError(
                f"{self._config.base_url} answered no request for "
                f"{self._config.patience_seconds:g} seconds ({_said(error.cause)}); the same "
                "command goes on from the shards that are done"
            ) from None
        except (GoogleAPICallError, GoogleAuthError, RequestException) as error:
            raise InputError(
                f"{self._config.base_url} turned the request down ({_said(error)}); check the "
                "credentials, the quota and that the Cloud Translation API is on"
            ) from None


def google_revision(config: GoogleConfig) -> str:
    """The revision of the config, or the address."""
    return config.revision or urlsplit(config.base_url).netloc


def google_name(config: GoogleConfig) -> str:
    """`model@revision`."""
    return f"google-{config.model}@{google_revision(config)}"


def _client(config: GoogleConfig) -> Any:
    try:
        from google.cloud import translate_v2
    except ImportError as error:
        raise InputError(
            "expected the package google-cloud-translate for kind google, came none; pip install "
            "'isoglot[google]'"
        ) from error
    from google.auth.exceptions import DefaultCredentialsError

    try:
        client = translate_v2.Client(
            credentials=_credentials(config), client_options={"api_endpoint": config.base_url}
        )
    except DefaultCredentialsError:
        raise InputError(
            "expected credentials for Google, came none; run `gcloud auth application-default "
            "login`, set GOOGLE_APPLICATION_CREDENTIALS, or name the variable of a key in "
            "api_key_env"
        ) from None
    return client


def _credentials(config: GoogleConfig) -> Any:
    """None asks for Application Default Credentials."""
    from google.auth import api_key
    from google.auth.credentials import AnonymousCredentials

    if config.api_key_env is None:
        return None if config.base_url == _VENDOR else AnonymousCredentials()
    key = os.environ.get(config.api_key_env)
    if not key:
        raise InputError(
            f"expected a key in the environment variable {config.api_key_env}, came none; set it"
        )
    return api_key.Credentials(key)


def _may_pass(error: Exception) -> bool:
    """Whether asking again may help: limits of rate, errors of the server, a lost connection."""
    from google.api_core.exceptions import Forbidden, ServerError, TooManyRequests
    from requests.exceptions import ConnectionError as LostConnection
    from requests.exceptions import Timeout

    if isinstance(error, Forbidden):
        return any(limit in str(error) for limit in _RATE_LIMITS)
    return isinstance(error, TooManyRequests | ServerError | LostConnection | Timeout)


def _said(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _pieces_of(text: str) -> list[_Piece]:
    pieces, end = [], 0
    for fence in FENCE.finditer(text):
        pieces += [_masked(text[end : fence.start()]), _Piece(fence[0], "", "", [])]
        end = fence.end()
    return [*pieces, _masked(text[end:])]


def _masked(text: str) -> _Piece:
    said = text.strip()
    start = text.find(said)
    masked, kept = mask(said)
    if not any(letter.isalpha() for letter in masked):
        return _Piece(text, "", "", [])
    return _Piece(text[:start], masked, text[start + len(said) :], kept)


def _batches(
    places: Sequence[tuple[int, int]], layouts: Sequence[Sequence[_Piece]]
) -> Iterator[list[tuple[int, int]]]:
    """In their order, as many as one request may hold."""
    batch: list[tuple[int, int]] = []
    size = 0
    for i, j in places:
        length = len(layouts[i][j].text)
        if len(batch) == _TEXTS_OF_A_REQUEST or size + length > _CHARACTERS_OF_A_REQUEST:
            yield batch
            batch, size = [], 0
        batch.append((i, j))
        size += length
    if batch:
        yield batch


def _is_sent(piece: _Piece) -> bool:
    return 0 < len(piece.text) <= _CHARACTERS_OF_A_REQUEST


def _joined(pieces: Sequence[_Piece], i: int, done: dict[tuple[int, int], str]) -> Sampled:
    failed = Sampled("", FinishReason.ERROR)
    out = []
    for j, piece in enumerate(pieces):
        text: str | None = ""
        if piece.text:
            text = unmask(done[i, j], piece.kept) if (i, j) in done else None
        if text is None:
            return failed
        out.append(piece.before + text + piece.after)
    whole = "".join(out)
    return Sampled(whole, FinishReason.STOP) if whole.strip() else failed
