"""A real model server, asked by a run: proof that the protocol is spoken as servers speak it, not as our scripted one does.

``python tests/real_endpoint/real_endpoint.py`` starts `transformers serve` on this machine and has it serve the sample base model, which is
too small to write pairs: what is shown is that every call lands with its reply, or with the reason why there is none.
``--base-url http://localhost:11434/v1 --model qwen3:8b`` asks a server that runs already; ``--api-key-env`` names its key's variable.

A sample page goes through `ingest` and `synthesize`; printed are the calls by how they ended. 1 when there is none, or one that was not
sent, or whose reply lacks what every server's reply has.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE_MODEL = ROOT / "deployments" / "demo" / "tiny_base"
PAPER = ROOT / "deployments" / "demo" / "papers" / "tavelin-lab-protocol.pdf"
START_SECONDS = 180
SUMMARY = """
    select served_model, prompt, status, finish_reason, split_part(coalesce(error, ''), ': ', 1) as reason,
        count(*) as n, sum(n_attempts)::int as n_requests, sum(n_reply_tokens)::int as n_reply_tokens,
        round(avg(call_seconds), 2) as mean_seconds
    from llm_calls group by all order by all
"""
NOT_UNDERSTOOD = """
    select llm_call_id, error from llm_calls
    where n_attempts = 0 or finish_reason = '' or n_prompt_tokens = 0 or n_reply_tokens = 0 or served_model = ''
"""

log = logging.getLogger(__name__)


@contextlib.contextmanager
def transformers_serve() -> Iterator[str]:
    """The base URL of `transformers serve`, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        Path(sys.executable).with_name("transformers"),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
        "--log-level",
        "error",
    ]
    with subprocess.Popen(command, env=os.environ | {"HF_HUB_OFFLINE": "1"}) as child:
        try:
            until = time.monotonic() + START_SECONDS
            while not answers(f"http://127.0.0.1:{port}/health"):
                if child.poll() is not None or time.monotonic() > until:
                    raise SystemExit("`transformers serve` did not start")
                time.sleep(1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            child.terminate()


def answers(url: str) -> bool:
    """True when an HTTP server is there, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def ask(base_url: str, model: str, api_key_env: str, folder: Path) -> int:
    """One page through `ingest` and `synthesize`; how its calls ended."""
    import pymupdf
    from prefect.testing.utilities import prefect_test_harness

    from flows.ingest import ingest
    from flows.run_config import load_config
    from flows.synthesize import synthesize
    from warehouse.errors import TunehouseError
    from warehouse.store import Warehouse
    from warehouse.views import query

    (folder / "papers").mkdir()
    with pymupdf.open(PAPER) as paper:
        paper.select([0])
        paper.save(folder / "papers" / PAPER.name)
    endpoint: dict[str, object] = {
        "model": f"openai/{model}",
        "base_url": base_url,
        "api_key_env": api_key_env,
        "max_tokens": 300,
        "max_concurrency": 2,
    }
    endpoint["timeout_seconds"] = 300  # a busy machine without a GPU, which has yet to load the model
    config = load_config(
        None,
        sources=(str(folder / "papers"),),
        warehouse=str(folder / "data"),
        train={"base_model": str(BASE_MODEL)},
        generate={"method": "llm", "llm": {"model": endpoint, "questions_per_chunk": 2}},
    )
    with prefect_test_harness(server_startup_timeout=120):
        try:
            synthesize(config, ingest(config))
        except TunehouseError as error:
            log.info("the run stops, as a run without pairs must:\n%s", error)
    store = Warehouse(config.warehouse)
    found, wrong = query(store, SUMMARY, "all").to_pylist(), query(store, NOT_UNDERSTOOD, "all").to_pylist()
    for row in found:
        log.info("%s", row)
    log.info("%d calls, %d not understood %s", sum(row["n"] for row in found), len(wrong), wrong[:3])
    return 0 if found and not wrong else 1


def main() -> int:
    """Ask the server that is named, or one of our own."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", default="", help="of a server that runs already; without it `transformers serve` is started")
    parser.add_argument("--model", default=str(BASE_MODEL), help="the model's name there")
    parser.add_argument("--api-key-env", default="", help="name of the variable that holds its key, if it takes one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        base_url = args.base_url or stack.enter_context(transformers_serve())
        return ask(base_url, args.model, args.api_key_env, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
