"""Flow *synthesize*: chunks -> question/answer pairs, curated, and split into train, validation and test sets."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from prefect import flow
from prefect.runtime import flow_run

from flows import runs
from flows.doing import THREADS, do_all, do_one, in_parts, landed, refuse_pending
from flows.elsewhere import ended, for_asking, is_on_its_own, now, subflow
from flows.run_config import RunConfig
from flows.spending import budget_of, calling, refuse_unfinished, refuse_useless
from tasks import audit, curate, deduplicate, embed, generate, split
from tasks.curate_reviews import standing
from tasks.curate_unit import reviews_of
from tasks.model_family import scorer_notice
from tasks.prefect_tasks import curate_document, deduplicate_corpus, generate_document, split_corpus
from tasks.units import Unit, record_units, unit, units_of
from warehouse.store import Warehouse
from warehouse.tables import REVIEWS, Review
from warehouse.views import ledger_rows

STAGES = ("generate", "curate", "deduplicate", "split")

log = logging.getLogger(__name__)


def run_name() -> str:
    """What the flow run is called: by its lot, if it has but one."""
    part = flow_run.get_parameters().get("part")
    return "synthesize" if part is None else f"synthesize part {part}"


@flow(name="synthesize", flow_run_name=run_name, task_runner=THREADS, persist_result=False)
def synthesize(config: RunConfig, run_id: str | None = None, part: int | None = None) -> str:
    """Make, curate and split question/answer pairs; each lot of documents is a flow run of its own. Returns the run's id.

    Args:
        config: The run's settings; this flow reads the groups generate, curate, deduplicate, embed and split.
        run_id: The run to go on with; empty: the one that started last.
        part: Only that lot of documents, from 0, and the split after the last lot; empty: every lot.
    """
    began, store = now(), Warehouse(config.warehouse)
    run_id = runs.continue_run(store, run_id, needs="chunk")
    lots = list(in_parts(landed(store, units_of(store, run_id, "chunk")), config))
    if not part and (notice := scorer_notice(config.model_dump(include={"generate", "curate"}))):
        log.warning(notice)
    if part is None:
        for number, _ in lots:
            subflow(synthesize, config, run_id, for_asking(config), part=number)
        if is_on_its_own():
            refuse_pending(store, [work for stage in STAGES for work in units_of(store, run_id, stage)])
        return ended(store, run_id, STAGES, began)
    synthesize_part(store, config, run_id, *lots[part])
    if part == len(lots) - 1:
        split_pairs(store, config, run_id)
    return run_id


def n_parts(store: Warehouse, config: RunConfig, run_id: str) -> int:
    """How many flow runs the run's documents need."""
    return len(list(in_parts(landed(store, units_of(store, run_id, "chunk")), config)))


def synthesize_part(store: Warehouse, config: RunConfig, run_id: str, part: int, chunking: Sequence[Unit]) -> None:
    """Generate and curate the pairs of some documents. ``chunking``: their chunk units, which read their ingest units."""
    generating = generate_units(store, config, run_id, chunking)
    record_units(store, run_id, "generate", generating, part)
    budget = budget_of(store, config, run_id)
    with calling(config, budget, "generate"):
        making = [(work, {"params": config.generate, "embed_params": config.embed, "budget": budget}) for work in generating]
        refuse_useless(budget, do_all(generate_document, store, making, "generating pairs").values())

    ready = [work for work in generating if store.is_landed(work.unit_id)]  # a document that is half asked is curated when it is whole
    curating, reviews = curate_units(store, config, ready)
    record_units(store, run_id, "curate", curating, part)
    with calling(config, budget, "curate"):
        asked = {"params": config.curate, "budget": budget, "refusal": config.generate.llm.refusal}
        sifting = [(work, asked | {"reviews": heard}) for work, heard in zip(curating, reviews, strict=True)]
        refuse_useless(budget, do_all(curate_document, store, sifting, "curating pairs").values())


def curate_units(store: Warehouse, config: RunConfig, ready: Sequence[Unit]) -> tuple[list[Unit], list[list[Review]]]:
    """The units that curate each document's pairs, and the reviews that each hears. ``ready``: generate units that are whole."""
    decisions = standing(ledger_rows(store, REVIEWS))
    reviews = [reviews_of(store, made, decisions) for made in ready]
    curating = [
        unit(
            "curate", curate.VERSION, made.label,
            inputs=[review.review_id for review in heard], reads=[*made.reads[:2], made], settings=curate.named_by(config.curate),
        )
        for made, heard in zip(ready, reviews, strict=True)
    ]  # fmt: skip
    return curating, reviews


def generate_units(store: Warehouse, config: RunConfig, run_id: str, chunking: Sequence[Unit]) -> list[Unit]:
    """The units that make each document's pairs. Where a model is asked, they also read the vectors by which its chunks are found."""
    version, settings = generate.named_by(config.generate)
    vectors = {work.reads[1]: work for work in units_of(store, run_id, "embed")} if config.generate.method == "llm" else {}
    return [
        unit("generate", version, cut.label, reads=[*cut.reads, cut, *filter(None, [vectors.get(cut.unit_id)])], settings=settings)
        for cut in chunking
    ]


def split_pairs(store: Warehouse, config: RunConfig, run_id: str) -> None:
    """Drop duplicates over all documents and split what stays.

    Raises:
        RetryableUnits: a model has not yet answered all that was asked about some document.
    """
    refuse_unfinished(store, config, run_id, budget_of(store, config, run_id))
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
