"""Flow *ingest*: files -> documents, pages, chunks and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from prefect import flow

from flows import runs
from flows.doing import THREADS, do_all, in_parts, landed, refuse_pending
from flows.elsewhere import ended, for_documents, is_on_its_own, now, subflow
from flows.gone import land_tombstones
from flows.run_config import RunConfig
from tasks import chunk, embed, read_pdf
from tasks.find_files import SourceFile, find_files
from tasks.prefect_tasks import chunk_document, embed_document, ingest_document
from tasks.units import Unit, record_units, unit, units_of, without
from warehouse.errors import ConfigError
from warehouse.store import Warehouse
from warehouse.tables import DOCUMENTS, Document

READABLE = ("ok", "partial")
STAGES = ("ingest", "chunk", "embed")
TITLE_CHARS = 60  # of a title in a label


@flow(name="ingest", flow_run_name="ingest", persist_result=False)
def ingest(config: RunConfig, run_id: str | None = None) -> str:
    """Read PDFs, cut them into chunks and embed those; each lot of documents is a flow run of its own. Returns the run's id.

    Args:
        config: The run's settings; this flow reads the groups ingest, chunk and embed.
        run_id: The run to go on with; empty: a new one.
    """
    began, store = now(), Warehouse(config.warehouse)
    run_id = run_id or runs.start_run(store, config)
    for part, sources in in_parts(discover(store, config, run_id), config):
        subflow(ingest_lot, config, run_id, for_documents(config), part=part, sources=sources)
    if is_on_its_own():
        refuse_pending(store, [work for stage in STAGES for work in units_of(store, run_id, stage)])
    return ended(store, run_id, STAGES, began)


@flow(name="ingest-lot", flow_run_name="ingest part {part}", task_runner=THREADS, persist_result=False)
def ingest_lot(config: RunConfig, run_id: str, part: int, sources: list[SourceFile]) -> str:
    """The documents of one flow run. Returns the run's id."""
    store = Warehouse(config.warehouse)
    reading = [read_unit(source, config) for source in sources]
    record_units(store, run_id, "ingest", reading, part)
    calls = [(work, {"source": source, "params": config.ingest}) for work, source in zip(reading, sources, strict=True)]
    do_all(ingest_document, store, calls, "reading PDFs")
    cut_lot(store, config, run_id, part, reading)
    return run_id


def cut_lot(store: Warehouse, config: RunConfig, run_id: str, part: int, reading: Sequence[Unit]) -> None:
    """Cut the documents of one lot and embed their chunks. ``reading``: their ingest units."""
    documents = readable(store, reading)
    chunking = [unit("chunk", chunk.VERSION, title_of(document), reads=[work], settings=config.chunk) for work, document in documents]
    record_units(store, run_id, "chunk", chunking, part)
    do_all(chunk_document, store, [(work, {"params": config.chunk}) for work in chunking], "cutting chunks")

    settings = [embed.model_identity(config.embed.model), without(config.embed, "model", "batch_size")]
    embedding = [unit("embed", embed.VERSION, cut.label, reads=[*cut.reads, cut], settings=settings) for cut in chunking]
    record_units(store, run_id, "embed", embedding, part)
    ready = {work.unit_id for work in landed(store, chunking)}
    do_all(embed_document, store, [(w, {"params": config.embed}) for w in embedding if w.reads[1] in ready], "embedding chunks")


def title_of(document: Document) -> str:
    """What a person would call a document that has been read: its title, where it has one of its own, and its file."""
    if document.title_source == "file_name":
        return document.file_name
    return f"{shorten(document.title, TITLE_CHARS, placeholder='…')} ({document.file_name})"


def discover(store: Warehouse, config: RunConfig, run_id: str) -> list[SourceFile]:
    """Every PDF of the settings' sources, older ones first. Documents of the last run that are gone from there get a tombstone.

    Raises:
        ConfigError: nothing there looks like a PDF.
    """
    found = find_files([Path(source) for source in config.sources])
    if not found.files:
        raise ConfigError(
            f"no PDF was found ({found.n_ignored} other files)",
            where=", ".join(config.sources) or "sources",
            mend="name PDF files, or a folder that holds some: `tunehouse run FOLDER`",
        )
    land_tombstones(store, run_id, found.files)  # not where nothing is left: that is a disk that is not mounted, most likely
    return runs.by_age(store, found.files)


def read_unit(source: SourceFile, config: RunConfig) -> Unit:
    """The unit that reads one file: named by its content, a copy's also by what it copies."""
    inputs = [source.document_id, source.sha256, source.duplicate_of or ""]
    return unit("ingest", read_pdf.VERSION, source.file_name, inputs=inputs, settings=config.ingest)


def readable(store: Warehouse, reading: Sequence[Unit]) -> list[tuple[Unit, Document]]:
    """The ingest units whose document has text to work on, with the document."""
    read = [(work, document) for work in landed(store, reading) for document in store.rows(DOCUMENTS, [work.unit_id])]
    return [(work, document) for work, document in read if document.status in READABLE]


def refuse_nothing_usable(store: Warehouse, run_id: str) -> None:
    """Raise when no document of the run can be worked on.

    Raises:
        ConfigError: naming the first few files and their status.
        RetryableUnits: there may be some, but they could not be read now.
    """
    reading = units_of(store, run_id, "ingest")
    if readable(store, reading):
        return
    refuse_pending(store, reading)
    documents = store.rows(DOCUMENTS, [work.unit_id for work in reading])
    named = "; ".join(f"{document.file_name}: {document.status}" for document in documents[:5])
    raise ConfigError(
        f"none of {len(reading)} files holds text that can be worked on: {named}",
        where="sources",
        mend="scans need OCR first; encrypted files need their password removed",
    )
