"""Messages -> reply of any OpenAI-compatible endpoint: the maintained client sends, our queue decides when and how often.

The client's own retries, redirects and timeouts are off: it would give up on a long Retry-After, follow an endpoint elsewhere, wait for
ever on one that drips, and hand on whatever came as an answer.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from tasks.providers.base import Message, ModelParams, Reply, Schema
from tasks.providers.call_pace import Fault
from tasks.providers.call_queue import CallQueue, Outcome
from tasks.providers.openai_answers import BAD_ANSWER_TRIES, Answer, read_answer, refused_option
from tasks.providers.openai_transport import LOOPBACK, BoundedTransport, TooLarge, Undecodable
from tasks.providers.redaction import Redactor, guard_logs, unguard_logs
from warehouse.errors import ConfigError, ProviderError

SURROGATE = re.compile("[\ud800-\udfff]")
NOT_IN_A_SCHEMA_NAME = re.compile(r"[^A-Za-z0-9_-]+")
SCHEMA_NAME_CHARS = 64

log = logging.getLogger(__name__)


class OpenAIProvider:
    """One endpoint with one key, and the queue of all calls to it. Holds the key, so it is neither shown nor pickled."""

    def __init__(self, base_url: str, key: str, key_env: str) -> None:
        self._where = f"{base_url}, key in {key_env}" if key_env else base_url
        self._queue = CallQueue(urlsplit(base_url).netloc)
        self._transport = BoundedTransport(base_url)
        self._redact = Redactor(key)
        self._filter = guard_logs(self._redact)
        self._lock = threading.Lock()
        self._left_out: set[tuple[str, str]] = set()
        self._options: Any = {"headers": {"Accept-Encoding": "identity"} | ({} if key else {"Authorization": openai.Omit()})}
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=key or "none",
            max_retries=0,
            http_client=httpx2.Client(transport=self._transport, follow_redirects=False, trust_env=False),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a provider holds a key and is not to be pickled")

    def submit(self, messages: tuple[Message, ...], params: ModelParams, schema: Schema | None = None) -> Future[Reply]:
        """Ask; see :class:`tasks.providers.base.Provider`."""
        said = [{"role": message.role, "content": SURROGATE.sub("\ufffd", message.content)} for message in messages]
        return self._queue.submit(lambda seconds: self._try(said, params, schema, seconds), params)

    def close(self) -> None:
        """Fail what waits, break off what is under way."""
        self._queue.close()
        self._client.close()
        unguard_logs(self._filter)

    def _try(self, messages: list[dict[str, str]], params: ModelParams, schema: Schema | None, seconds: float) -> Outcome:
        """One request and what came of it."""
        body = self._body(messages, params, schema)
        answer = self._send(body, seconds, params.max_reply_bytes)
        if not isinstance(answer, Answer):
            return answer
        if option := refused_option(answer, body):
            with self._lock:
                is_new = (params.name, option) not in self._left_out
                self._left_out.add((params.name, option))
            if is_new:
                log.warning("%s does not take %s with %s: asked without from now on", self._where, option, params.name)
            return Fault("bad_request", f"the endpoint does not take {option}", is_mended=True)
        return read_answer(answer, self._where, self._redact)

    def _body(self, messages: list[dict[str, str]], params: ModelParams, schema: Schema | None) -> dict[str, Any]:
        """The request, less what the endpoint has refused for this model before."""
        body: dict[str, Any] = {
            "model": params.name,
            "messages": messages,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "max_tokens": params.max_tokens,
            "seed": params.seed,
        }
        if schema is not None and params.use_json_schema:
            name = NOT_IN_A_SCHEMA_NAME.sub("_", str(schema.get("title", "reply")))[:SCHEMA_NAME_CHARS]
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
        if (params.name, "max_tokens") in self._left_out:
            body["max_completion_tokens"] = params.max_tokens
        return {name: value for name, value in body.items() if (params.name, name) not in self._left_out}

    def _send(self, body: dict[str, Any], seconds: float, max_bytes: int) -> Answer | Fault | ProviderError:
        """The HTTP answer. The client's exceptions hold the request and with it the key: none leaves this function."""
        self._transport.bound(seconds, max_bytes)
        try:
            response = self._client.post("/chat/completions", cast_to=httpx2.Response, body=body, options=self._options)
        except openai.APIStatusError as error:
            response = error.response
        except openai.APITimeoutError:
            return Fault("timeout", f"no whole answer within {seconds:.1f} seconds", is_busy=True, is_down=True)
        except openai.APIConnectionError as error:
            cause = error.__cause__
            said = self._redact.detail(str(cause or error))
            if isinstance(cause, TooLarge):
                return Fault("too_large", said, tries=1)
            if isinstance(cause, Undecodable):
                return Fault("bad_answer", said, tries=BAD_ANSWER_TRIES)
            if "CERTIFICATE_VERIFY_FAILED" in said:
                mend = "set SSL_CERT_FILE to a file with the authority that signed it"
                return ProviderError("the endpoint's certificate is not trusted here", where=self._where, mend=mend)
            return Fault("unavailable", said, is_down=True)
        return Answer(response.status_code, response.headers, response.content)


def open_provider(params: ModelParams) -> OpenAIProvider:
    """The endpoint ``params.base_url`` with the key that the environment variable ``params.api_key_env`` holds now.

    Raises:
        ConfigError: the address is none, or holds a secret; the variable is not set, or holds what no header can carry.
    """
    address = urlsplit(params.base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError("this is no address of an endpoint", where="base_url", mend="write it like https://api.openai.com/v1")
    if address.username or address.password or address.query:
        raise ConfigError("the address holds a secret", where="base_url", mend="leave it out; name the key's variable in api_key_env")
    key = os.environ.get(params.api_key_env, "").strip() if params.api_key_env else ""
    if params.api_key_env and not key:
        mend = f"export {params.api_key_env}=..., or set api_key_env to '' for an endpoint that takes no key"
        raise ConfigError(f"the environment variable {params.api_key_env} is not set", where="api_key_env", mend=mend)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"what {params.api_key_env} holds is no key", where="api_key_env", mend="set it to the key alone, on one line")
    if key and address.scheme == "http" and address.hostname not in LOOPBACK:
        log.warning("the key in %s goes to %s unencrypted", params.api_key_env, address.netloc)
    return OpenAIProvider(params.base_url, key, params.api_key_env)
