"""What Prefect costs: many small documents through *ingest* and *synthesize*, beside the same pure functions in a loop without Prefect.

``python tests/bench/bench_orchestration.py [--documents 100]`` (1000 by ``make bench-orchestration``)
Every document has five pages of its own facts. The loop runs the same code, tasks as plain functions, one after the other; the flow runs
with one worker on a real server with its SQLite database, as ``tunehouse up`` starts it. overhead = (flow - loop) / flow. No row may be
lost: both warehouses must hold the same rows in the same bytes. Wall times: let nothing else run; CPU times are the sturdier ones. Those
say where the time goes: of the flow's process by thread (Prefect's events go out by the ones named), of the server, and the requests to it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymupdf

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.served import Served  # noqa: E402  # found from the checkout

PAGES, SENTENCES = 5, 4
PARTS = ("pump", "valve", "boiler", "lamp", "gate", "filter", "motor", "brake", "mast", "kiln")
FACTS = (
    "The torque of the {name} {part} is {number} Nm.",
    "The {name} {part} weighs {number} kg.",
    "The {name} {part} runs at {number} volts.",
    "The {name} {part} was built by the {maker} works in {year}.",
    "The pressure limit of the {name} {part} is {number} bar.",
)


def write_document(path: Path, number: int) -> None:
    """Five pages with a heading and a few facts, like no other document's."""
    draw = random.Random(number)  # repeatable, not secret
    library: Any = pymupdf
    with library.open() as document:
        for page_number in range(PAGES):
            page = document.new_page(width=595, height=842)
            name = f"{draw.choice('BDFGKLMNPRST')}{draw.choice('aeiou')}{draw.choice('dlmnrst')}{number}-{page_number}"
            page.insert_text((72, 90), f"Chapter {page_number + 1}: the {name} works", fontsize=20)
            for rank, part in enumerate(draw.sample(PARTS, SENTENCES)):
                fact = draw.choice(FACTS).format(
                    name=name, part=part, number=draw.randint(10, 9999), maker=name, year=draw.randint(1850, 2025)
                )
                page.insert_text((72, 140 + 20 * rank), fact, fontsize=11)
        document.save(path, garbage=3, deflate=True)


@contextlib.contextmanager
def without_prefect() -> Iterator[None]:
    """Tasks and flows are called as the functions that they wrap."""
    from flows import doing, ingest, synthesize

    def all_in_a_loop(task: Any, store: Any, calls: Any, _what: str) -> dict[str, BaseException]:
        for work, arguments in calls:
            task.fn(store, work, **arguments)
        return {}

    def one(task: Any, store: Any, work: Any, _what: str, **arguments: Any) -> None:
        task.fn(store, work, **arguments)

    def flow_as_function(flow: Any, config: Any, run_id: str, _runner: Any = None, **arguments: Any) -> None:
        flow.fn(config, run_id, **arguments)

    replaced = {
        "do_all": all_in_a_loop,
        "do_one": one,
        "subflow": flow_as_function,
        "for_documents": lambda _: None,
        "for_asking": lambda _: None,
    }
    before = [(module, name, getattr(module, name)) for module in (doing, ingest, synthesize) for name in replaced if hasattr(module, name)]
    for module, name, _ in before:
        setattr(module, name, replaced[name])
    try:
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def seconds(config: Any, *, is_flow: bool) -> float:
    """Wall seconds of ingest and synthesize."""
    from flows.ingest import ingest
    from flows.synthesize import synthesize

    begun = time.perf_counter()
    for flow in (ingest, synthesize):
        flow(config) if is_flow else flow.fn(config)
    return time.perf_counter() - begun


@dataclass
class Spent:
    """What a block took of CPU, and what it asked of the server."""

    own: float = 0.0
    """CPU seconds of this process; reading PDFs is done in others."""
    server: float = 0.0
    threads: dict[str, float] = field(default_factory=dict)
    """CPU seconds of the threads that live on, by name: Prefect's."""
    requests: Counter[str] = field(default_factory=Counter)


@contextlib.contextmanager
def spending(server: int) -> Iterator[Spent]:
    """Measure a block. ``server``: the server's process id."""
    import httpx

    spent, sends = Spent(), {cls: cls.send for cls in (httpx.Client, httpx.AsyncClient)}

    def counting(send: Any) -> Any:
        def count_and_send(client: Any, request: httpx.Request, **options: Any) -> Any:
            spent.requests[f"{request.method} {re.sub('[0-9a-f-]{36}', 'ID', request.url.path)}"] += 1
            return send(client, request, **options)

        return count_and_send

    for cls, send in sends.items():
        cls.send = counting(send)  # type: ignore[method-assign]
    own, of_server, threads = own_cpu(), cpu_of(f"/proc/{server}/stat"), cpu_by_thread()
    try:
        yield spent
    finally:
        spent.own = own_cpu() - own
        spent.server = cpu_of(f"/proc/{server}/stat") - of_server
        spent.threads = {name: seconds - threads.get(name, 0.0) for name, seconds in cpu_by_thread().items()}
        for cls, send in sends.items():
            cls.send = send  # type: ignore[method-assign]


def own_cpu() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_of(path: str) -> float:
    """CPU seconds of a process or thread so far, by its ``stat`` file (proc(5): fields 14 and 15)."""
    fields = Path(path).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_by_thread() -> dict[str, float]:
    """CPU seconds of every thread that lives now, by name."""
    used: dict[str, float] = {}
    for thread in threading.enumerate():
        with contextlib.suppress(OSError):  # it has just ended
            used[thread.name] = cpu_of(f"/proc/self/task/{thread.native_id}/stat")
    return used


def where_it_goes(loop: Spent, flow: Spent, wanted: int) -> str:
    """Milliseconds of CPU and requests a document, of loop and flow."""

    def ms(seconds: float) -> str:
        return f"{1000 * seconds / wanted:.1f}"

    named = ", ".join(f"{name} {ms(seconds)}" for name, seconds in sorted(flow.threads.items(), key=lambda item: -item[1])[:5])
    asked = ", ".join(f"{n} {what}" for what, n in flow.requests.most_common(4))
    return (
        f"CPU ms a document: loop {ms(loop.own)}, flow {ms(flow.own)} (of which {named}), server {ms(flow.server)}\n"
        f"requests: {flow.requests.total()}, {flow.requests.total() / wanted:.2f} a document ({asked}); events by one websocket"
    )


def database_bytes(served: Served) -> int:
    """Of Prefect's SQLite database, its write-ahead log included."""
    return sum(path.stat().st_size for path in (served.home / "server").glob("prefect.db*"))


def main() -> int:
    """Print the figures; 1 when a row was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100)
    wanted = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        papers = folder / "papers"
        papers.mkdir()
        for number in range(wanted):
            write_document(papers / f"document-{number:04}.pdf", number)
        served = Served(folder)
        served.up("--workers", "")
        os.environ |= {"PREFECT_API_URL": f"{served.url}/api", "PREFECT_HOME": str(folder / "home"), "PREFECT_LOGGING_LEVEL": "ERROR"}
        try:
            return measure(served, papers, wanted)
        finally:
            served.down()
            served.kill_all()


def measure(served: Served, papers: Path, wanted: int) -> int:
    """Warm up, then the loop, then the flow; compare what they landed."""
    from flows.run_config import load_config
    from warehouse.store import Warehouse

    def config(place: str, sources: Path) -> Any:
        return load_config(None, [], sources=(str(sources),), warehouse=str(served.folder / place), workers=1)

    few = served.folder / "few"
    few.mkdir()
    for path in sorted(papers.iterdir())[:5]:
        (few / path.name).write_bytes(path.read_bytes())
    seconds(config("warm-flow", few), is_flow=True)  # models are loaded and modules imported once
    server = served.pid("server")
    assert server, "the server has ended"
    with without_prefect(), spending(server) as of_loop:
        loop = seconds(config("loop", papers), is_flow=False)
    before = database_bytes(served)
    with spending(server) as of_flow:
        flow = seconds(config("flow", papers), is_flow=True)
    grown = database_bytes(served) - before
    parts = [
        {
            (part.file, part.sha256)
            for commit in Warehouse(served.folder / place).commits()
            if commit.stage != "run"
            for part in commit.parts
        }
        for place in ("loop", "flow")
    ]
    rows = [
        sum(part.n_rows for commit in Warehouse(served.folder / place).commits() if commit.stage != "run" for part in commit.parts)
        for place in ("loop", "flow")
    ]
    lost = len(parts[0] ^ parts[1])
    sys.stdout.write(
        f"{wanted} documents of {PAGES} pages: loop {loop:.1f} s, flow {flow:.1f} s, overhead {(flow - loop) / flow:.1%}"
        f" ({1000 * (flow - loop) / wanted:.0f} ms a document)\n"
        f"{where_it_goes(of_loop, of_flow, wanted)}\n"
        f"rows {rows[0]} and {rows[1]}, {lost} parts that only one of them has\n"
        f"Prefect's database grew by {grown / 1e6:.1f} MB, {grown / wanted / 1e3:.1f} kB a document\n"
    )
    return 1 if lost or not rows[0] else 0


if __name__ == "__main__":
    sys.exit(main())
