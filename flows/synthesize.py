"""Flow *synthesize*: chunks -> question/answer pairs, curated, and split into train, validation and test sets."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow

from flows import runs
from flows.doing import THREADS, do_all, do_one, in_parts, landed, refuse_pending
from flows.elsewhere import for_documents, is_on_its_own, subflow
from flows.run_config import RunConfig
from tasks import audit, curate, deduplicate, embed, generate, split
from tasks.prefect_tasks import curate_document, deduplicate_corpus, generate_document, split_corpus
from tasks.units import Unit, record_units, unit, units_of
from warehouse.store import Warehouse


@flow(name="synthesize", flow_run_name="synthesize part {part}", task_runner=THREADS, persist_result=False)
def synthesize(config: RunConfig, run_id: str | None = None, part: int | None = None) -> str:
    """Make, curate and split question/answer pairs; each lot of documents is a flow run of its own. Returns the run's id.

    Args:
        config: The run's settings; this flow reads the groups generate, curate, deduplicate, embed and split.
        run_id: The run to go on with; empty: the one that started last.
        part: Only that lot of documents, from 0, and the split after the last lot; empty: every lot.
    """
    store = Warehouse(config.warehouse)
    run_id = runs.continue_run(store, run_id, needs="chunk")
    lots = list(in_parts(landed(store, units_of(store, run_id, "chunk")), config))
    if part is None:
        for number, _ in lots:
            subflow(synthesize, config, run_id, for_documents(config), part=number)
        if is_on_its_own():
            refuse_pending(
                store, [work for stage in ("generate", "curate", "deduplicate", "split") for work in units_of(store, run_id, stage)]
            )
        return run_id
    synthesize_part(store, config, run_id, *lots[part])
    if part == len(lots) - 1:
        split_pairs(store, config, run_id)
    return run_id


def n_parts(store: Warehouse, config: RunConfig, run_id: str) -> int:
    """How many flow runs the run's documents need."""
    return len(list(in_parts(landed(store, units_of(store, run_id, "chunk")), config)))


def synthesize_part(store: Warehouse, config: RunConfig, run_id: str, part: int, chunking: Sequence[Unit]) -> None:
    """Generate and curate the pairs of some documents. ``chunking``: their chunk units, which read their ingest units."""
    generating = [unit("generate", generate.VERSION, cut.label, reads=[*cut.reads, cut], settings=config.generate) for cut in chunking]
    record_units(store, run_id, "generate", generating, part)
    do_all(generate_document, store, [(work, {"params": config.generate}) for work in generating], "generating pairs")

    ready = landed(store, generating)
    curating = [unit("curate", curate.VERSION, made.label, reads=[*made.reads, made], settings=config.curate) for made in ready]
    record_units(store, run_id, "curate", curating, part)
    do_all(curate_document, store, [(work, {"params": config.curate}) for work in curating], "curating pairs")


def split_pairs(store: Warehouse, config: RunConfig, run_id: str) -> None:
    """Drop duplicates over all documents and split what stays."""
    curated = landed(store, units_of(store, run_id, "curate"))
    generated = [work.reads[2] for work in curated]
    embedding = [embed.model_identity(config.embed.model), config.embed.window_words]
    settings = [config.deduplicate, embedding]
    label = f"{len(curated)} documents"
    deduplicating = unit("deduplicate", deduplicate.VERSION, label, reads=curated, also_reads=generated, settings=settings)
    record_units(store, run_id, "deduplicate", [deduplicating])
    do_one(
        deduplicate_corpus, store, deduplicating, "finding duplicates",
        curated=curated, params=config.deduplicate, embed_params=config.embed,
    )  # fmt: skip
    versions = split.VERSION * 1000 + audit.VERSION
    pairs = [*(work.unit_id for work in curated), *generated]
    splitting = unit("split", versions, label, reads=[deduplicating], also_reads=pairs, settings=[config.split, embedding])
    record_units(store, run_id, "split", [splitting])
    do_one(
        split_corpus, store, splitting, "splitting and auditing",
        curated=curated, deduplicated=deduplicating, params=config.split, embed_params=config.embed,
    )  # fmt: skip
