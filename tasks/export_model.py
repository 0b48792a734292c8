"""A run's adapter -> a folder to hand out, adapter or merged model, with tokenizer, chat template and card; every gate in between."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from tasks.engine import ADAPTER_WEIGHTS, FULL_WEIGHTS
from tasks.forgetting import refuse_forgetting
from tasks.model_card import How, ModelCard, base_name, card_text, load_lines
from tasks.prefer_unit import tuned_units
from tasks.release_params import ReleaseParams
from tasks.train_params import TrainParams
from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.keys import draw
from warehouse.store import Warehouse, file_sha256
from warehouse.tables import ADAPTERS, Adapter, Forgetting
from warehouse.views import connect, latest_finished_run

CARD = "README.md"
USED_PAIRS = """
create temp view used_pairs as
from splits where starts_with(split, 'test_') or pair_id in (select pair_id from training_examples)
"""
"""What shaped the adapter or tested it: of the train set only what train.max_pairs let be taught."""
PREFERRED = """
select if(p.pair_id is null, 'multiple choice', 'train references against the base') as source, e.role, count(*) as n
from preference_examples e
join preference_pairs p using (preference_id)
"""
GROUPS_SHOWN = ("chunk", "generate", "curate", "deduplicate", "split", "train", "prefer", "retrieve", "answer", "judge", "report")


@dataclass(frozen=True, slots=True)
class Release:
    """A run's adapter, and what is needed to try it out."""

    run_id: str
    adapter: Adapter
    params: TrainParams
    settings: dict[str, Any]
    probes: list[str]
    """Taught questions, drawn by ``train.seed``."""
    folder: Path


def find_release(store: Warehouse, run: str | None, params: ReleaseParams) -> Release:
    """The adapter of a run; None: of the latest finished one.

    Raises:
        MissingPrerequisite: the run has trained none.
        ConfigError: no such run.
    """
    run_id = run or latest_finished_run(store)
    units = [work.unit_id for work in tuned_units(store, run_id)] if run_id else []
    adapters: list[Adapter] = store.rows(ADAPTERS, units)
    if run_id is None or not adapters:
        raise MissingPrerequisite(f"run {run_id or '(none)'} has no adapter", where=str(store.root), mend="`tunehouse run PDF_OR_FOLDER`")
    adapter = adapters[0]
    with connect(store, run_id) as con:
        (row,) = _rows(con, f"select settings from runs where run_id = '{run_id}'")  # noqa: S608  # a run of that name is there
        taught = _rows(
            con,
            f"select pair_id, question from training_examples join qa_pairs using (pair_id) where adapter_id = '{adapter.adapter_id}' "  # noqa: S608
            "and role = 'train' order by pair_id",
        )
    settings = json.loads(row["settings"])
    known = {name: value for name, value in settings["train"].items() if name in TrainParams.__dataclass_fields__}
    training = replace(TrainParams(**known), base_model=adapter.base_model, method=adapter.method or "lora")
    probes = sorted(taught, key=lambda one: draw(training.seed, "release", one["pair_id"]))[: params.n_prompts]
    return Release(run_id, adapter, training, settings, [one["question"] for one in probes], store.root / adapter.folder)


def refuse_order(release: Release, how: How, folder: Path) -> None:
    """Let pass what can be written, before anything is measured.

    Raises:
        ConfigError: the folder holds something already, or there is no adapter to hand out alone.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("there is something already", where=str(folder), mend="name a new folder with --out")
    if release.params.method == "full" and how == "adapter":
        raise ConfigError("every weight was trained: there is no adapter", where="--adapter", mend="use --merge")


def export_model(
    store: Warehouse,
    release: Release,
    forgetting: list[Forgetting],
    how: How,
    folder: Path,
    params: ReleaseParams = ReleaseParams(),  # noqa: B008  # frozen
    *,
    dtype: str | None = None,
    licence: str = "unknown",
    allow_forgetting: bool = False,
) -> list[str]:
    """Write the adapter or the merged model to a new folder, whole or not at all. Returns the lines that load it.

    ``dtype``: of a merged model's weights, by default that of the training. ``forgetting``: what the guard measured.

    Raises:
        GateRefused: a gate does not let it pass.
        ConfigError: the folder holds something already, or there is no adapter to hand out alone.
        MissingPrerequisite: the base is not there.
    """
    from tasks import release_gates as gates  # noqa: PLC0415  # torch and peft take seconds

    refuse_order(release, how, folder)
    weights = FULL_WEIGHTS if release.params.method == "full" else ADAPTER_WEIGHTS
    gates.refuse_other_files(release.adapter, release.folder, weights)
    change = gates.refuse_dead(release.folder, release.params, release.probes)
    passed = [("adapter is live", f"a probe's logits move by {change:.3g}")]
    passed.append(("forgetting", refuse_forgetting(forgetting, is_allowed=allow_forgetting)))
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        passed += _write(release, how, aside, params, dtype or release.params.dtype)
        gates.refuse_other_template(aside, release.params.base_model, release.probes)
        passed.append(("chat template", "the same tokens as in the training"))
        (aside / CARD).write_text(card_text(_card(store, release, forgetting, how, licence, passed, aside)), encoding="utf-8")
        aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    is_dora = release.params.use_dora
    return load_lines(how, asdict(release.adapter), release.params.base_model, str(folder), is_dora=is_dora)


def _write(release: Release, how: How, folder: Path, params: ReleaseParams, dtype: Any) -> list[tuple[str, str]]:
    """The model's files, and the gates that they passed."""
    from tasks import release_gates as gates  # noqa: PLC0415
    from tasks.base_model import load_tokenizer  # noqa: PLC0415

    if release.params.method == "full":
        shutil.copytree(release.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
        return []
    if how == "adapter":
        shutil.copy(release.folder / ADAPTER_WEIGHTS, folder)
        config = json.loads((release.folder / "adapter_config.json").read_bytes())
        config["base_model_name_or_path"] = base_name(release.params.base_model)  # not where the base lies on this machine
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        load_tokenizer(release.params.base_model)[0].save_pretrained(folder)
        return []
    gates.merge(release.params.base_model, release.folder, folder, dtype)
    gap = gates.refuse_other_merge(folder, release.params.base_model, release.folder, dtype, release.probes, params)
    return [("merge", f"{gap.log_prob_gap:.2g} nats a token apart, {gap.equal_answers:.0%} of {len(release.probes)} answers equal")]


def _card(
    store: Warehouse,
    release: Release,
    forgetting: list[Forgetting],
    how: How,
    licence: str,
    gates: list[tuple[str, str]],
    folder: Path,
) -> ModelCard:
    with connect(store, release.run_id) as con:
        (training,) = _rows(con, f"from training_runs where adapter_id = '{release.adapter.adapter_id}'")
        con.execute(USED_PAIRS)
        pairs = _rows(
            con,
            "select d.file_name as document, d.sha256 as document_sha256, s.split, count(*) as n "
            "from used_pairs s join documents d using (document_id) group by all order by all",
        )
        generators = _rows(
            con, "select generator, prompt_sha256, count(*) as n from used_pairs join qa_pairs using (pair_id) group by all order by all"
        )
        preferred = _rows(con, PREFERRED + f"where e.adapter_id = '{release.adapter.adapter_id}' group by all order by all")
        estimates = _rows(con, "from estimates order by contrast, split, judge")
        arm_rates = _rows(con, "from arm_rates order by split, arm")
    settings = {name: release.settings[name] for name in GROUPS_SHOWN if name in release.settings}
    files = [(path.name, file_sha256(path)) for path in sorted(folder.iterdir())]
    return ModelCard(
        run_id=release.run_id,
        how=how,
        licence=licence,
        adapter=asdict(release.adapter),
        training=training,
        settings=settings,
        pairs=pairs,
        generators=generators,
        preferences=preferred,
        estimates=estimates,
        arm_rates=arm_rates,
        forgetting=[asdict(row) for row in forgetting],
        gates=gates,
        files=files,
        is_dora=release.params.use_dora,
    )


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    return list(con.sql(sql).to_arrow_table().to_pylist())
