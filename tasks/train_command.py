"""Settings in a file, or a unit of a warehouse -> a trained adapter, on a machine without Prefect: ``python -m tasks.train --help``.

A settings file is YAML: any of ``TrainParams``' fields under ``train``, and beside it ``pairs`` (JSON lines with ``question`` and
``answer``, and ``pair_id`` if there is one), ``validation`` (the same, if wanted) and ``out`` (the folder that is written). Asked to stop
it saves a checkpoint; the same command then goes on from there.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import prefer_unit, progress, stages, stopping, train_crew
from tasks.base_model import base_sha256
from tasks.prefer_params import PreferParams
from tasks.train import discard_checkpoints, train_adapter
from tasks.train_crew import Crew
from tasks.train_estimate import preflight_training
from tasks.train_methods import ADAPTER_WEIGHTS, FULL_WEIGHTS
from tasks.train_params import TrainExample, TrainParams
from tasks.units import Made, Unit, land_once, units_of
from tasks.yaml_file import read_yaml
from warehouse.errors import ConfigError, MissingPrerequisite, TunehouseError, plainly
from warehouse.keys import key
from warehouse.store import Warehouse, file_sha256, write_atomically
from warehouse.tables import RUN_UNITS, RUNS
from warehouse.views import ledger_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PLACEBO = "placebo"
RESULT = "result.json"

log = logging.getLogger("tasks.train")


@dataclass(frozen=True, slots=True)
class Job:
    """What a settings file asks for."""

    params: TrainParams
    pairs: list[TrainExample]
    validation: list[TrainExample]
    out: Path


def main(argv: Sequence[str] | None = None) -> int:
    """Train; return the exit code: 0 done, 1 a fault that is named, 130 or 143 stopped at Ctrl-C or SIGTERM with a checkpoint saved."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--settings", type=Path, metavar="FILE", help="train what this YAML file asks for")
    parser.add_argument("--warehouse", type=Path, metavar="DIR", help="train a unit of this warehouse")
    parser.add_argument("--unit", metavar="ID", help="the training unit's id, or the first digits of it, as `tunehouse status` shows it")
    parser.add_argument("--preflight", action="store_true", help="say what the training of --settings will need, and train nothing")
    args = parser.parse_args(argv)
    if (args.settings is None) == (args.warehouse is None and args.unit is None) or (args.settings is None and not args.unit):
        parser.error("give --settings FILE, or --warehouse DIR and --unit ID")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    caught: list[int] = []
    try:
        together = train_crew.join()
        with _stopping_at_signals(caught), progress.listening(_say if together.is_first else _say_nothing):
            _train(args, together)
    except TunehouseError as error:
        log.error("%s", error)  # noqa: TRY400  # what a person can mend needs no traceback
        return 1
    except KeyboardInterrupt:
        log.warning("stopped: the same command goes on from the last checkpoint")
        return 128 + (caught[0] if caught else signal.SIGINT)
    finally:
        stopping.withdraw()
        train_crew.leave()
    return 0


def _train(args: argparse.Namespace, together: Crew) -> None:
    if args.settings is None:
        train_unit(Warehouse(args.warehouse), args.unit, together)
        return
    job = read_job(args.settings)
    foreseen = preflight_training(job.params)
    if args.preflight:
        log.info("%s", foreseen)
        return
    adapter_id = key("train", job.pairs, job.validation, job.params, base_sha256(job.params.base_model))
    if _stands(job.out, adapter_id):
        log.info("%s holds what this file asks for: nothing is done", job.out)
        return
    trained = train_adapter(job.pairs, job.validation, job.params, job.out, adapter_id)
    if together.is_first:
        made = {"adapter": asdict(trained.adapter), "run": asdict(trained.run), "steps": [asdict(row) for row in trained.steps]}
        write_atomically(job.out / RESULT, json.dumps(made, indent=1).encode())
        discard_checkpoints(job.out)
        log.info("%s: loss %.3f to %.3f, sha256 %s", job.out, trained.run.first_loss, trained.run.last_loss, trained.adapter.sha256)


def _stands(out: Path, adapter_id: str) -> bool:
    """True where ``out`` holds the result of this very training, with its weights as they were written."""
    try:
        adapter = json.loads((out / RESULT).read_text(encoding="utf-8"))["adapter"]
        weights = out / (FULL_WEIGHTS if adapter["method"] == "full" else ADAPTER_WEIGHTS)
        return bool(adapter["adapter_id"] == adapter_id and adapter["sha256"] == file_sha256(weights))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_job(path: Path) -> Job:
    """What the settings file at ``path`` asks for; its own paths count from the working folder.

    Raises:
        ConfigError: the file or one that it names cannot be read, or a setting is unknown or out of bounds.
    """
    data = read_yaml(path, mend="write `name: value` lines")
    unknown = set(data) - {"train", "pairs", "validation", "out"}
    if unknown or not all(isinstance(data.get(name), str) for name in ("pairs", "out")):
        raise ConfigError(
            f"unknown: {', '.join(sorted(unknown))}" if unknown else "pairs or out is missing",
            where=str(path),
            mend="write pairs: FILE, out: FOLDER, and if wanted validation: FILE and train: {setting: value}",
        )
    validation = _examples(Path(data["validation"])) if data.get("validation") else []
    return Job(params_of(data.get("train") or {}, str(path)), _examples(Path(data["pairs"])), validation, Path(data["out"]))


def params_of(data: dict[str, Any], where: str) -> TrainParams:
    """Training settings as YAML or JSON gives them.

    Raises:
        ConfigError: a setting is unknown or out of bounds.
    """
    known = {field.name for field in fields(TrainParams)}
    if unknown := sorted(set(data) - known):
        raise ConfigError(f"unknown settings: {', '.join(unknown)}", where=where, mend=f"use some of {', '.join(sorted(known))}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return TrainParams(**values)


def train_unit(store: Warehouse, name: str, together: Crew) -> None:
    """Do a training unit that a run of the warehouse has planned, with that run's settings; nothing if it stands committed.

    Raises:
        MissingPrerequisite: no run has such a unit.
    """
    rows = [row for row in ledger_rows(store, RUN_UNITS) if row.stage in ("train", PLACEBO, "dpo") and row.unit_id.startswith(name)]
    if len({row.unit_id for row in rows}) != 1:
        raise MissingPrerequisite(
            f"{'several units begin' if rows else 'no training unit begins'} with {name}",
            where=str(store.root),
            mend="give its whole id: `tunehouse sql \"select unit_id, stage, label from run_units where stage in ('train', 'dpo')\"`",
        )
    row = rows[-1]
    (run,) = [run for run in ledger_rows(store, RUNS) if run.run_id == row.run_id]
    params = params_of(json.loads(run.settings)["train"], f"run {row.run_id}")
    preflight_training(params)
    work = Unit(row.unit_id, row.stage, row.label, row.reads)
    if work.stage == "dpo":
        if not together.is_first:  # its pairs are few: one process does it
            return
        trained, found = (Unit(name, stage, row.label) for name, stage in zip(row.reads, ("train", "preferences"), strict=True))
        preferring = PreferParams(**json.loads(run.settings)["prefer"])
        _land(store, work, lambda: prefer_unit.tune(store, work, trained, found, params, preferring))
        return
    curated, (splitting,) = (units_of(store, row.run_id, stage) for stage in ("curate", "split"))
    landed = [one for one in curated if store.commit(one.unit_id)]
    if not together.is_first:
        stages.train(store, work, landed, splitting, params, is_placebo=row.stage == PLACEBO)
        return
    _land(store, work, lambda: stages.train(store, work, landed, splitting, params, is_placebo=row.stage == PLACEBO))


def _land(store: Warehouse, work: Unit, make: Callable[[], Made]) -> None:
    land_once(store, work, make)
    stages.discard_checkpoints(store, work)
    log.info("%s is landed in %s", work.unit_id, store.root)


def _examples(path: Path) -> list[TrainExample]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the pairs cannot be read: {plainly(error)}", where=str(path), mend="name a file of JSON lines") from error
    return [_example(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _example(line: str, where: str) -> TrainExample:
    try:
        row = json.loads(line)
        question, answer = str(row["question"]), str(row["answer"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"no pair: {error!r}", where=where, mend='write {"question": "...", "answer": "..."} on each line') from error
    return TrainExample(str(row.get("pair_id") or key(question, answer)), question, answer)


@contextmanager
def _stopping_at_signals(caught: list[int]) -> Iterator[None]:
    """Have SIGINT and SIGTERM stop the training where it can go on, and be named in ``caught``."""

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        stopping.ask()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(label: str, n_done: int, n_total: int, note: str) -> None:
    log.info("%s %d of %d: %s", label, n_done, n_total, note)


def _say_nothing(*_: object) -> None:
    pass
