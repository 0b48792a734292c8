"""A key in the environment, everything logged, an endpoint that tells the key in every way it can: nothing that is written holds it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tasks.providers.scripted_server import Answer, ScriptedServer
from warehouse.store import Warehouse
from warehouse.views import query

from ..tasks.scripted_generators import GoodGenerator
from .conftest import PAPERS, ROOT

pytestmark = pytest.mark.slow
SECRET = "Vq7xW1kTz0RgYb4LmD9sHfJ2nCp8EaUu"
KEY = f"sk-canary-{SECRET}"
PIECES = [SECRET[at : at + 12].encode() for at in (0, 10, len(SECRET) - 12)]
MARKER = "the-endpoint-said-this"
TALK = f"{MARKER} Authorization: Bearer {KEY} api_key={KEY} url=http://user:{KEY}@host/?key={KEY}"
LOUD = (
    "import logging, sys; logging.basicConfig(level=logging.DEBUG);"
    "[logging.getLogger(n).setLevel(logging.DEBUG) for n in ('openai', 'httpx', 'httpcore', 'httpx2', 'httpcore2', 'tasks', 'flows')];"
    "from flows.cli import main; sys.exit(main(sys.argv[1:]))"
)


def ordinary(text: str) -> bytes:
    """An ordinary reply's body."""
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": KEY, "choices": [{"message": message, "finish_reason": "stop"}], "usage": {}}).encode()


ENDS = [
    Answer(status=401, body=json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}. {TALK}"}}).encode()),
    Answer(status=302, headers=(("Location", f"http://127.0.0.1:9/{KEY}"),), body=TALK.encode()),
]
"""After these no call can succeed, and the run ends."""
FAULTS = [
    Answer(status=500, body=TALK.encode()),
    Answer(
        status=429, headers=(("Retry-After", "0"), ("X-Echo", KEY)), body=json.dumps({"error": {"message": TALK, "code": KEY}}).encode()
    ),
    Answer(status=400, body=json.dumps({"error": {"message": TALK}}).encode()),
    Answer(headers=(("Content-Type", "text/html"),), body=f"<html>{TALK}</html>".encode()),
    Answer(body=ordinary(TALK)[:-5]),
    Answer(body=ordinary(TALK)),
    Answer(body=ordinary(json.dumps({"questions": [{"kind": "factual", "question": f"What is the key {KEY} for?"}]}))),
    Answer(text=TALK, wire="reset"),
    Answer(text=TALK, finish_reason="length"),
    Answer(text=None, refusal=TALK),
]


class Gossip:
    """Tells the key in every way, then does as a good model does, in a header still telling it."""

    def __init__(self) -> None:
        self.good, self.left = GoodGenerator(), list(FAULTS)
        self.end: Answer | None = None

    def __call__(self, request: dict[str, Any]) -> Answer:
        if self.end:
            return self.end
        if self.left:
            return self.left.pop(0)
        return Answer(text=self.good(request), headers=(("X-Your-Key", KEY), ("Set-Cookie", f"key={KEY}")))


def tunehouse(*words: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, with the key in its environment and everything logged, also to Prefect's server."""
    loud = {"PREFECT_LOGGING_LEVEL": "DEBUG", "PREFECT_SERVER_LOGGING_LEVEL": "DEBUG", "PREFECT_LOGGING_TO_API_ENABLED": "true"}
    mine = {"TUNEHOUSE_TEST_KEY": KEY, "OPENAI_LOG": "debug", "HTTPX_LOG_LEVEL": "debug", "HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", LOUD, *words], cwd=ROOT, env=os.environ | loud | mine, capture_output=True, check=False, timeout=580
    )


def settings_file(folder: Path, server: ScriptedServer) -> Path:
    model = {"model": "openai/gossip", "base_url": server.base_url, "api_key_env": "TUNEHOUSE_TEST_KEY", "backoff_seconds": 0.05}
    data = {
        "train": {"base_model": f"{ROOT}/deployments/demo/tiny_base", "max_steps": 4},
        "answer": {"max_new_tokens": 8},
        "split": {"unseen_unit": "fact"},
        "generate": {"method": "llm", "llm": {"model": model, "questions_per_chunk": 2}},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below ``folder``: its bytes and name, and what is packed in it where it is Parquet."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes() + path.name.encode()
            if path.suffix == ".parquet":
                rows = pq.read_table(path, partitioning=None).to_pylist()
                yield f"{path.name} unpacked", json.dumps(rows, ensure_ascii=False, default=str).encode()


def hits(found: Iterator[tuple[str, bytes]] | list[tuple[str, bytes]]) -> list[str]:
    return sorted({name for name, content in found if any(piece in content for piece in PIECES)})


@pytest.fixture
def folder(tmp_path) -> Path:
    papers = tmp_path / "papers"
    papers.mkdir()
    for path in sorted(PAPERS.glob("*.pdf"))[:2]:
        shutil.copy(path, papers)
    return tmp_path


def test_the_search_finds_a_key_in_a_part_that_is_packed(tmp_path):
    from warehouse.tables import RUNS, Run

    store = Warehouse(tmp_path)
    store.prepare()
    store.land("unit", {RUNS: [Run("r1", "now", "", f"{{key: {KEY}}}" + "x" * 9999, "", None, None, "")]})

    assert [name for name in hits(written(tmp_path)) if name.endswith("unpacked")]


@pytest.mark.long
def test_whole_runs_with_an_endpoint_that_tells_the_key_write_it_nowhere(folder):
    gossip = Gossip()
    with ScriptedServer(gossip) as server:
        data = ("--warehouse", str(folder / "data"))
        command = ("run", str(folder / "papers"), "--config", str(settings_file(folder, server)), *data)
        ran = []
        for gossip.end in (*ENDS, None):
            ran.append(tunehouse(*command, home=folder))
            assert gossip.end is None or server.n_requests <= 64 * len(ran)
        shown = [tunehouse("report", *data, "--out", str(folder / "report.html"), home=folder)]
        shown += [tunehouse(command, *data, home=folder) for command in ("status", "check")]

        sent = {value for one in server.asked for name, value in one.headers.items() if name.lower() == "authorization"}
    assert sent == {f"Bearer {KEY}"}
    assert [one.returncode for one in ran] == [1, 1, 0], ran[-1].stderr.decode()[-3000:]
    assert all(b"TUNEHOUSE_TEST_KEY" in one.stderr for one in ran[:2])  # the variable is named, its value is not
    assert [one.returncode for one in shown] == [0, 0, 0]
    assert (folder / "report.html").stat().st_size > 10_000
    said = query(Warehouse(folder / "data"), "select string_agg(error || reply, ' ') as said from llm_calls").to_pylist()[0]["said"]
    assert MARKER in said  # what the endpoint said does land, less the key
    assert all(b"DEBUG" in one.stderr + one.stdout for one in ran)
    assert list((folder / "data" / ".prefect").glob("*.db*"))

    streams = [(name, stream) for one in (*ran, *shown) for name, stream in (("stdout", one.stdout), ("stderr", one.stderr))]
    assert hits(streams) == []
    assert hits(written(folder)) == []
