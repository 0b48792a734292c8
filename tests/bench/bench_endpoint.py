"""How near the calls of many documents come to what an endpoint can bear, beside what others do with the same endpoint in the same run.

``python tests/bench/bench_endpoint.py [--calls 2000] [--rounds 2] [--synthetic-data-kit]``
The endpoint: a process of its own, 200 ms for each answer, 32 at a time, so 160 answers a second at best. Ours and the synchronous openai
client in 32 threads alternate; with the flag, synthetic-data-kit's `create` follows, from a virtual environment of its own that is kept for
the next run. Printed are answers a second, their share of the best, and the client's CPU milliseconds an answer. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pymupdf
import yaml

from tasks.providers import close_providers, provider_for
from tasks.providers.base import Message, ModelParams

ROOT = Path(__file__).parents[2]
LATENCY_SECONDS = 0.2
SLOTS = 32
BEST = SLOTS / LATENCY_SECONDS
PEER = "synthetic-data-kit==0.0.5"
SAMPLES = ROOT / "deployments" / "demo" / "papers"
SAMPLE_COPIES = 5
N_LONG, LONG_WORDS = 20, 6000
PAIRS = json.dumps([{"question": "What is the torque of the valve?", "answer": "The torque of the valve is 42 Nm."}])
QUESTION = "Passage: " + "the valve is set to the limit of the line " * 30

log = logging.getLogger(__name__)


@contextlib.contextmanager
def endpoint() -> Iterator[str]:
    """The base URL of an endpoint in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(json.dumps({"latency_seconds": LATENCY_SECONDS, "rules": [{"reply": PAIRS}]}))
        command = [sys.executable, "-m", "tasks.providers.scripted_server", "--file", str(rules), "--slots", str(SLOTS)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout
            try:
                yield child.stdout.readline().strip()
            finally:
                child.terminate()


def measured(work: Callable[[int], None], n_calls: int) -> tuple[float, float]:
    """Answers a second and CPU milliseconds an answer, after a first round that opens the connections."""
    work(SLOTS)
    wall, cpu = time.monotonic(), time.process_time()
    work(n_calls)
    return n_calls / (time.monotonic() - wall), 1000 * (time.process_time() - cpu) / n_calls


def ours(base_url: str, n_calls: int) -> tuple[float, float]:
    """The queue that a run uses."""
    params = ModelParams(model="openai/scripted", base_url=base_url, api_key_env="", max_concurrency=SLOTS)
    provider = provider_for(params)

    def work(n: int) -> None:
        for future in [provider.submit((Message("user", f"{QUESTION}{at}"),), params) for at in range(n)]:
            future.result()

    found = measured(work, n_calls)
    close_providers()
    return found


def synchronous(base_url: str, n_calls: int) -> tuple[float, float]:
    """The maintained client as it comes, one call a thread."""
    with openai.OpenAI(base_url=base_url, api_key="none", max_retries=0) as client, ThreadPoolExecutor(SLOTS) as threads:

        def ask(at: int) -> str | None:
            said: Any = [{"role": "user", "content": f"{QUESTION}{at}"}]
            reply = client.chat.completions.create(model="scripted", messages=said, temperature=0, max_tokens=1024, seed=0)
            return reply.choices[0].message.content

        def work(n: int) -> None:
            for _ in threads.map(ask, range(n)):
                pass

        return measured(work, n_calls)


def peer_command() -> Path | None:
    """The peer's command, installed into a virtual environment of its own; None where that cannot be done."""
    folder = Path(tempfile.gettempdir()) / "tunehouse-bench" / PEER
    command = folder / "bin" / "synthetic-data-kit"
    if not command.exists():
        venv.create(folder, with_pip=True)
        done = subprocess.run([folder / "bin" / "pip", "install", "--quiet", PEER], capture_output=True, text=True, check=False)
        if done.returncode:
            log.info("%s cannot be installed here: %s", PEER, done.stderr.strip().splitlines()[-1:])
            return None
    return command


def documents() -> dict[str, list[str]]:
    """What the peer is given. It asks for a summary of each, then at once for pairs of each of its chunks of 4,000 characters.

    So it hangs on their length how fast it is: the sample papers have 9,000 characters, the long ones are as papers of 20 pages.
    """
    samples = []
    for path in sorted(SAMPLES.glob("*.pdf")):
        with pymupdf.open(path) as paper:
            samples.append("\n\n".join(page.get_text() for page in paper))
    sentence = "The valve is set to the limit of the line."
    return {"samples": samples * SAMPLE_COPIES, "long": ["\n\n".join([sentence] * (LONG_WORDS // len(sentence.split())))] * N_LONG}


def synthetic_data_kit(command: Path, base_url: str, kind: str, texts: list[str]) -> None:
    """Print what `create` makes of ``texts``: answers a second from its first request to its last."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (own,) = command.parents[1].glob("lib/python*/site-packages/synthetic_data_kit/config.yaml")
        settings = yaml.safe_load(own.read_text())
        settings["api-endpoint"] |= {"api_base": base_url, "api_key": "none", "model": "scripted"}
        (home / "config.yaml").write_text(yaml.safe_dump(settings))
        (home / "texts").mkdir()
        for at, text in enumerate(texts):
            (home / "texts" / f"{at}.txt").write_text(text)
        create = [command, "-c", home / "config.yaml", "create", home / "texts", "--type", "qa", "--num-pairs", "1000", "-o", home / "made"]
        n_before = len(requests_of(base_url))
        cpu, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(create, capture_output=True, text=True, cwd=home, check=False, env=os.environ | {"API_ENDPOINT_KEY": "none"})
        used, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    asked = requests_of(base_url)[n_before:]
    if done.returncode or len(asked) < len(texts):
        log.info("synthetic-data-kit failed: %s", (done.stdout + done.stderr)[-500:])
        return
    spent = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
    line(f"synthetic-data-kit, {kind}", len(asked) / (asked[-1]["at"] - asked[0]["at"] + LATENCY_SECONDS), 1000 * spent / len(asked))
    log.info("  %d requests for %d documents; with its start %.1f a second", len(asked), len(texts), len(asked) / wall)


def requests_of(base_url: str) -> list[dict[str, Any]]:
    """Every request that the endpoint has seen."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/log") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def line(name: str, rate: float, cpu: float) -> None:
    """Print one measurement."""
    log.info("%-30s %6.1f answers a second  %5.1f %% of %.0f  %5.2f ms CPU an answer", name, rate, 100 * rate / BEST, BEST, cpu)


def main() -> None:
    """Print what each makes of the endpoint."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--synthetic-data-kit", action="store_true", help="measure that too; installs it once, about 600 MB")
    args = parser.parse_args()
    with endpoint() as base_url:
        for at in range(args.rounds):
            log.info("round %d, load %.2f", at + 1, os.getloadavg()[0])
            line("tunehouse", *ours(base_url, args.calls))
            line("openai client, 32 threads", *synchronous(base_url, args.calls))
        if args.synthetic_data_kit and (command := peer_command()):
            for kind, texts in documents().items():
                synthetic_data_kit(command, base_url, kind, texts)


if __name__ == "__main__":
    main()
