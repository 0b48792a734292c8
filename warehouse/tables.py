"""Every row type there is. Arrow schema, Parquet, DuckDB view and data dictionary follow from these declarations.

Rows know no run: ``run_units`` says which units a run is made of, and the view of every table adds ``unit_id`` and ``run_id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from warehouse.schema import Table

DocumentStatus = Literal[
    "ok", "partial", "no_text", "no_pages", "needs_password", "unreadable", "empty", "not_pdf", "duplicate", "too_large",
    "timeout", "memory", "crashed",
]  # fmt: skip
ChunkKind = Literal["body", "table", "caption", "references", "front_matter"]
LineRole = Literal["title", "heading", "body", "list", "table", "caption"]
AnswerKind = Literal["number", "name", "term", "acronym", "definition", "comparison", "procedure", "list", "text", "refusal"]
Split = Literal["train", "validation", "test_rephrased", "test_unseen_fact", "test_unseen_document"]
EstimateUnit = Literal["document", "fact", "question", "none"]
Unit = Literal["document", "fact", "none"]
TEST_SPLITS: tuple[Split, ...] = ("test_rephrased", "test_unseen_fact", "test_unseen_document")


@dataclass(frozen=True, slots=True)
class Document:
    """One row per file found: what it is and whether it could be read."""

    document_id: Annotated[str, "key: the first 20 hex digits of the content's sha256; a copy's also hashes its name"]
    sha256: Annotated[str, "of the file's bytes"]
    file_name: Annotated[str, "as first met, without folder; bytes that are not UTF-8 are backslash-escaped"]
    name_hex: Annotated[str | None, "the name's bytes in hex where they are not UTF-8"]
    title: Annotated[str, "from metadata, else whole lines of the largest type on page 1, else the file's stem"]
    title_source: Annotated[Literal["metadata", "largest_type", "file_name"], "where the title was found"]
    n_pages: Annotated[int, "pages that the file says it has"]
    n_pages_read: Annotated[int, "pages whose text was read"]
    n_bytes: Annotated[int, "size of the file"]
    n_chars: Annotated[int, "code points of cleaned text over all pages"]
    status: Annotated[DocumentStatus, "ok and partial go on to chunking"]
    reason: Annotated[str | None, "why the status is not ok, in words"]
    warnings: Annotated[tuple[str, ...], "repaired, plain_text_only, image_only, garbled_text, invisible_text_dropped ..."]
    duplicate_of: Annotated[str | None, "document_id of the file with the same content"]


@dataclass(frozen=True, slots=True)
class Page:
    """One row per page that was read: its cleaned text, the only text that anything refers to."""

    page_id: Annotated[str, "key"]
    document_id: Annotated[str, "-> documents"]
    page: Annotated[int, "1-based"]
    text: Annotated[str, "reading order, line ends joined, headers, footers and page numbers dropped; paragraphs end in a newline"]
    width: Annotated[float, "PDF points"]
    height: Annotated[float, "PDF points"]


@dataclass(frozen=True, slots=True)
class PageLine:
    """One row per printed line of a page's cleaned text: where on the page it stands."""

    line_id: Annotated[str, "key"]
    document_id: Annotated[str, "-> documents"]
    page: Annotated[int, "1-based"]
    block: Annotated[int, "0-based, which block of the page: lines of one paragraph, heading, table or caption share it"]
    role: Annotated[LineRole, "what the line is part of; caption also for the lettering of a figure"]
    char_from: Annotated[int, "0-based code point in pages.text"]
    n_chars: Annotated[int, "code points, the joined remainder of a hyphenated word included"]
    box: Annotated[tuple[float, ...], "x0 y0 x1 y1 in PDF points, origin top left; empty where only plain text could be read"]


@dataclass(frozen=True, slots=True)
class Section:
    """One row per section: from the outline, else from type sizes."""

    section_id: Annotated[str, "key"]
    document_id: Annotated[str, "-> documents"]
    rank: Annotated[int, "0-based, reading order"]
    heading: Annotated[str, "as printed, or as the outline names it"]
    level: Annotated[int, "1 = top"]
    page: Annotated[int, "1-based, where the heading stands"]
    char_from: Annotated[int, "0-based code point of the heading in pages.text"]
    source: Annotated[Literal["outline", "type_size"], "how it was found"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row per chunk: a run of text from one section, of one kind."""

    chunk_id: Annotated[str, "key"]
    document_id: Annotated[str, "-> documents"]
    rank: Annotated[int, "0-based, reading order"]
    section: Annotated[str, "heading of the section it stands in; empty before the first"]
    kind: Annotated[ChunkKind, "only body and table chunks are asked about"]
    text: Annotated[str, "the slices of chunk_pages in order, joined by a newline"]
    n_tokens: Annotated[int, "by chunk.tokenizer"]


@dataclass(frozen=True, slots=True)
class ChunkPage:
    """One row per chunk and slice of page text it is made of."""

    slice_id: Annotated[str, "key"]
    chunk_id: Annotated[str, "-> chunks"]
    document_id: Annotated[str, "-> documents"]
    rank: Annotated[int, "0-based, order within the chunk"]
    page: Annotated[int, "1-based"]
    char_from: Annotated[int, "0-based code point in pages.text"]
    n_chars: Annotated[int, "code points"]


@dataclass(frozen=True, slots=True)
class ChunkVector:
    """One row per sentence of a chunk that is asked about: its embedding, for retrieval."""

    vector_id: Annotated[str, "key"]
    chunk_id: Annotated[str, "-> chunks"]
    document_id: Annotated[str, "-> documents"]
    rank: Annotated[int, "0-based, which sentence of the chunk; one longer than embed.window_words is several"]
    model: Annotated[str, "embedding model and the sha256 of its weights"]
    vector: Annotated[tuple[float, ...], "unit length; 384 numbers for all-MiniLM-L6-v2"]


@dataclass(frozen=True, slots=True)
class QaPair:
    """One row per question/answer pair as generated, before any rule is applied."""

    pair_id: Annotated[str, "key"]
    document_id: Annotated[str, "-> documents"]
    chunk_id: Annotated[str, "-> chunks"]
    fact_id: Annotated[str, "hash of the document id and the normalised evidence quote: all wordings of one fact share it"]
    wording: Annotated[int, "0-based, which wording of the fact's question"]
    question: Annotated[str, "as asked, with the document's title where generate.source_in_question"]
    bare_question: Annotated[str, "without the title"]
    answer: Annotated[str, "the reference answer"]
    answer_key: Annotated[str | None, "what must be said: number with unit, name, term; list items separated by '; '"]
    answer_kind: Annotated[AnswerKind, "what kind of thing the key is"]
    pattern: Annotated[str, "the sentence pattern or prompt that made it"]
    generator: Annotated[str, "name and version; `person` for a pair that a reviewer wrote"]
    parent_id: Annotated[str | None, "-> qa_pairs: the pair that this one was refined from or that a reviewer changed"] = None
    prompt_sha256: Annotated[str | None, "of the prompt file that asked for it; null where no model was asked"] = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row per verbatim span that a pair rests on; a span over a page break is two rows."""

    evidence_id: Annotated[str, "key"]
    pair_id: Annotated[str, "-> qa_pairs"]
    document_id: Annotated[str, "-> documents"]
    rank: Annotated[int, "0-based, reading order within the pair"]
    page: Annotated[int, "1-based"]
    char_from: Annotated[int, "0-based code point: substr(pages.text, char_from + 1, n_chars) = quote"]
    n_chars: Annotated[int, "code points"]
    quote: Annotated[str, "verbatim"]
    box: Annotated[tuple[float, ...], "x0 y0 x1 y1 around the lines it touches, PDF points; empty where unknown"]


@dataclass(frozen=True, slots=True)
class KeptPair:
    """One row per pair that passed every rule which looks at one document."""

    pair_id: Annotated[str, "key -> qa_pairs"]
    document_id: Annotated[str, "-> documents"]
    grounded_share: Annotated[float, "D12: share of the answer's 4-grams (the question's removed) found in the document body"]
    answerable_share: Annotated[float, "D13: share of the question's content words found in the document body"]
    n_question_words: Annotated[int, "words in the question"]
    n_answer_words: Annotated[int, "words in the reference answer"]
    flags: Annotated[
        tuple[str, ...], "low_groundedness, low_answerability: rules that flag and do not drop; kept_by_reviewer, changed_by_reviewer"
    ]


@dataclass(frozen=True, slots=True)
class PairScore:
    """One row per pair that a model scored with its chunk in view; curate.min_score reads the lowest of the four."""

    pair_score_id: Annotated[str, "key"]
    pair_id: Annotated[str, "-> qa_pairs"]
    document_id: Annotated[str, "-> documents"]
    model: Annotated[str, "provider/model that scored"]
    prompt_sha256: Annotated[str, "of the prompt file"]
    faithful: Annotated[int, "1 to 5: the answer says what the chunk says"]
    standalone: Annotated[int, "1 to 5: the question can be understood without the document in hand"]
    clear: Annotated[int, "1 to 5: question and answer are clear"]
    useful: Annotated[int, "1 to 5: worth knowing"]
    reasons: Annotated[str, "the model's reasons, in its words"]


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One row per request that a unit put to a model, or answered from the ledger because it had been put before."""

    llm_call_id: Annotated[str, "key: the unit and the call_key"]
    call_key: Annotated[str, "hash of provider, model, parameters, prompt hash, messages, reply schema, sample and a served arm's weights"]
    stage: Annotated[str, "who asked: generate, curate, judge ..."]
    item_id: Annotated[str, "what was asked about: a chunk_id or pair_id"]
    document_id: Annotated[str, "-> documents; empty where it concerns none"]
    prompt: Annotated[str, "name of the prompt file; question: a test question as it is"]
    prompt_sha256: Annotated[str, "of the prompt file"]
    model: Annotated[str, "provider/model, as in the settings"]
    served_model: Annotated[str, "the model that the endpoint says it used; empty without a reply"]
    parameters: Annotated[str, "what shapes the reply, as JSON: temperature, max_tokens, seed ..."]
    sample: Annotated[int, "0-based, which of several replies to the same request"]
    messages: Annotated[str, "what was sent, as JSON"]
    reply: Annotated[str, "what came back, whole; the first 20,000 characters where it could not be used"]
    finish_reason: Annotated[str, "as the endpoint said; empty without a reply"]
    status: Annotated[Literal["ok", "failed", "retryable"], "failed: stands with its error; retryable: a later run asks again"]
    error: Annotated[str | None, "a short fixed code, then what was wrong; null when ok"]
    n_prompt_tokens: Annotated[int, "as the endpoint counted"]
    n_reply_tokens: Annotated[int, "as the endpoint counted"]
    n_attempts: Annotated[int, "tries that it took; 0 for one that was not sent, as the budget was spent"]
    call_seconds: Annotated[float, "from the first try to the reply, waits included"]
    cost_usd: Annotated[float | None, "by budget.prices; null where the model has no price there; 0 for is_from_ledger"]
    is_from_ledger: Annotated[bool, "an earlier unit had asked the same: nothing was sent"]
    asked_at: Annotated[str, "UTC, ISO 8601"]


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """One row per run and stage that asks a model: what it was expected to take before it began."""

    call_estimate_id: Annotated[str, "key"]
    run_id: Annotated[str, "-> runs"]
    stage: Annotated[str, "generate, curate, judge ..."]
    model: Annotated[str, "provider/model"]
    n_calls: Annotated[int, "requests expected"]
    n_prompt_tokens: Annotated[int, "tokens expected to be sent"]
    n_reply_tokens: Annotated[int, "tokens expected back"]
    cost_usd: Annotated[float | None, "by budget.prices; null where the model has no price there"]


@dataclass(frozen=True, slots=True)
class Review:
    """One row per decision of a person on a pair; it wins over the machine's."""

    review_id: Annotated[str, "key"]
    pair_id: Annotated[str, "-> qa_pairs"]
    document_id: Annotated[str, "-> documents"]
    decision: Annotated[Literal["keep", "drop", "change"], "change: the question or answer was rewritten"]
    question: Annotated[str, "as the reviewer left it"]
    answer: Annotated[str, "as the reviewer left it"]
    answer_key: Annotated[str | None, "as the reviewer left it"]
    note: Annotated[str, "the reviewer's words"]
    reviewer: Annotated[str, "who"]
    reviewed_at: Annotated[str, "UTC, ISO 8601"]
    replaces: Annotated[str | None, "-> reviews: the earlier decision on the same pair that this one takes the place of"] = None


@dataclass(frozen=True, slots=True)
class Label:
    """One row per person and two answers: which is better, as said without knowing whose they were. Said again, the later word holds."""

    label_id: Annotated[str, "key"]
    reviewer: Annotated[str, "who"]
    contrast: Annotated[str, "arm_a:arm_b that was being labelled; not shown to the person with the answers"]
    pair_id: Annotated[str, "-> qa_pairs: the question"]
    control: Annotated[str, "K1, K2 ... for a planted question, whose outcome is known; empty for a question of the contrast"]
    variant: Annotated[str, "what was done to the second answer of a control; empty otherwise"]
    answer_a: Annotated[str, "of arm_a, whole; of a control the better answer. A label is on these words: it holds wherever they stand"]
    answer_b: Annotated[str, "of arm_b; of a control what it is held against"]
    order: Annotated[Literal["ab", "ba"], "which was shown first"]
    verdict: Annotated[Literal["first", "second", "tie", "skip"], "as shown; skip: seen, and nothing said"]
    labelled_at: Annotated[str, "UTC, ISO 8601"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row per thing dropped, with the reason: never a missing row."""

    rejection_id: Annotated[str, "key"]
    stage: Annotated[str, "chunk, generate, curate, deduplicate, split ..."]
    item_id: Annotated[str, "what was dropped: a chunk_id or pair_id"]
    document_id: Annotated[str, "-> documents"]
    reason: Annotated[str, "a short fixed code, e.g. duplicate, not_in_text"]
    detail: Annotated[str, "the figure, the word or the other row's id behind it"]


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One row per pair that survived curation: which set it belongs to."""

    pair_id: Annotated[str, "key -> qa_pairs"]
    document_id: Annotated[str, "-> documents"]
    fact_id: Annotated[str, "the fact asked about"]
    lineage_id: Annotated[str, "what is held out together: facts of one document that share span or wording"]
    split: Annotated[Split, "the set"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """One row per trained adapter, or whole model where every weight was trained."""

    adapter_id: Annotated[str, "key: the training unit's id"]
    base_model: Annotated[str, "path or hub name, as in the settings"]
    base_sha256: Annotated[str, "over the base's weights, configuration, tokenizer and chat template"]
    folder: Annotated[str, "below the warehouse"]
    sha256: Annotated[str, "of adapter_model.safetensors; of model.safetensors for method full"]
    rank: Annotated[int, "LoRA r; 0 for method full"]
    n_parameters: Annotated[int, "trained"]
    weight_norm: Annotated[float, "Frobenius norm over all B·A; over the weights' change for method full"]
    max_logit_change: Annotated[float, "largest change of a probe prompt's next-token logits, adapter on against off"]
    is_live: Annotated[bool, "the probe prompts' logits move; gates everything judged"]
    method: Annotated[Literal["lora", "full"] | None, "full: folder holds a whole model; null, from before this was recorded: lora"] = None
    parent_adapter_id: Annotated[str | None, "-> adapters: the one that was tuned further to preferences (DPO); null: none"] = None
    parent_sha256: Annotated[str | None, "that one's sha256"] = None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One row per training: what was done and why it stopped."""

    adapter_id: Annotated[str, "key -> adapters"]
    n_train: Annotated[int, "pairs"]
    n_validation: Annotated[int, "pairs"]
    n_steps: Annotated[int, "optimizer steps done"]
    n_steps_planned: Annotated[int, "optimizer steps that train.epochs asks for"]
    n_tokens: Annotated[int, "tokens seen, pads not counted"]
    n_answer_tokens: Annotated[int, "tokens with loss"]
    first_loss: Annotated[float, "mean answer-token loss of the first step, nats; here and below that of a pair for preferences (DPO)"]
    last_loss: Annotated[float, "mean answer-token loss of the last step, nats"]
    validation_loss: Annotated[float | None, "after the last step, nats; null without validation pairs"]
    train_seconds: Annotated[float, "wall time in training steps, resumed parts included"]
    stopped: Annotated[Literal["epochs", "max_seconds", "max_steps", "patience"], "why it ended"]
    n_resumes: Annotated[int, "times it was continued from a checkpoint"]
    device: Annotated[str, "cpu, cuda ..."]
    dtype: Annotated[str, "of the base weights"]
    notes: Annotated[
        tuple[str, ...],
        "what had to be done otherwise: fallback_chat_template, pad_is_eos, padded_batches, rows_halved, cut_to_context",
    ]
    kernels: Annotated[Literal["fused", "plain"] | None, "what computed the steps"] = None
    n_base_parameters: Annotated[int | None, "of the base, embeddings included"] = None
    estimated_bytes: Annotated[int | None, "memory foreseen: weights, gradients, optimizer and activations"] = None
    estimated_seconds: Annotated[float | None, "time in steps foreseen, from useful_flop at half of matmul_flops"] = None
    useful_flop: Annotated[float | None, "operations that the steps need, recomputation and padding not counted"] = None
    matmul_flops: Annotated[float | None, "measured rate of this machine's product of matrices in dtype, operations a second"] = None
    n_processes: Annotated[int | None, "that shared every step"] = None
    margin_before: Annotated[float | None, "for preferences: log-probability of chosen less rejected, mean of held-out pairs, nats"] = None
    margin_after: Annotated[float | None, "the same after the tuning"] = None


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One row per optimizer step."""

    step_id: Annotated[str, "key"]
    adapter_id: Annotated[str, "-> adapters"]
    step: Annotated[int, "1-based"]
    loss: Annotated[float, "mean over the step's answer tokens, nats"]
    learning_rate: Annotated[float, "used in this step"]
    gradient_norm: Annotated[float, "before clipping"]
    n_tokens: Annotated[int, "in this step"]
    step_seconds: Annotated[float, "wall"]
    validation_loss: Annotated[float | None, "after this step, nats; null where train.validate_steps asks for none"] = None


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One row per adapter and pair it was trained or validated on."""

    example_id: Annotated[str, "key"]
    adapter_id: Annotated[str, "-> adapters"]
    pair_id: Annotated[str, "-> qa_pairs; replay-... for an item of tasks/general_set/replay.jsonl"]
    role: Annotated[Literal["train", "validation"], "what it was used for"]
    n_tokens: Annotated[int, "prompt and answer"]
    is_truncated: Annotated[bool, "longer than train.max_tokens, its prompt cut from the left"]


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """One row per preference: of two answers to a question, the one to prefer."""

    preference_id: Annotated[str, "key"]
    group_id: Annotated[str, "shared by all pairs of a question or fact; no split parts them"]
    fact_id: Annotated[str | None, "the fact asked about; null for a multiple-choice file"]
    question: Annotated[str, "as put"]
    chosen: Annotated[str, "the right option, or the reference"]
    rejected: Annotated[str, "a wrong option, or what the base said"]
    pair_id: Annotated[str | None, "-> qa_pairs: the train pair whose reference is chosen; null for a multiple-choice file"] = None


@dataclass(frozen=True, slots=True)
class PreferenceQuestion:
    """One row per train question that preferences may come from: what the base said, and what became of it."""

    pair_id: Annotated[str, "key -> qa_pairs"]
    fate: Annotated[
        Literal["preference", "base_is_right", "base_is_silent", "no_key", "refusal", "fact_is_tested", "not_drawn"],
        "preference: the base said something wrong; the others give none, the last four were not put",
    ]
    answer: Annotated[str | None, "of the base; null where the question was not put"]


@dataclass(frozen=True, slots=True)
class PreferenceExample:
    """One row per adapter and preference pair that it was tuned to, or measured with."""

    preference_example_id: Annotated[str, "key"]
    adapter_id: Annotated[str, "-> adapters"]
    preference_id: Annotated[str, "-> preference_pairs"]
    role: Annotated[Literal["train", "held_out"], "held_out: the margin before and after is theirs"]
    n_tokens: Annotated[int, "the question and either answer"]
    is_truncated: Annotated[bool, "longer than train.max_tokens, its prompt cut from the left"]


@dataclass(frozen=True, slots=True)
class ControlLikelihood:
    """One row per adapter and item of the general control set: how the answer's likelihood changed."""

    control_likelihood_id: Annotated[str, "key"]
    adapter_id: Annotated[str, "-> adapters"]
    item_id: Annotated[str, "in tasks/general_set/control.jsonl"]
    item_group: Annotated[str, "arithmetic, geography, grammar, nature or everyday"]
    nats_before: Annotated[float, "of the base: mean negative log-probability of an answer's token, given the question"]
    nats_after: Annotated[float, "the same with the adapter"]


@dataclass(frozen=True, slots=True)
class Forgetting:
    """One row per adapter and group of the general control set, and one over all: what was forgotten."""

    forgetting_id: Annotated[str, "key"]
    adapter_id: Annotated[str, "-> adapters"]
    item_group: Annotated[str, "all, or one group"]
    n_items: Annotated[int, "questions"]
    nats_before: Annotated[float, "mean over the items, of the base"]
    nats_after: Annotated[float, "the same with the adapter"]
    mean_drop: Annotated[float, "nats a token; above 0: forgotten"]
    low: Annotated[float | None, "lower end of its interval; null where nothing varies"]
    high: Annotated[float | None, "upper end"]
    p_value: Annotated[float, "paired t-test over the items, one-sided: is it a drop"]
    p_holm: Annotated[float, "the same, adjusted for all groups"]
    is_drop: Annotated[bool, "adjusted p below alpha, and large enough: the model is not handed out unless allowed"]


@dataclass(frozen=True, slots=True)
class PlaceboAnswer:
    """One row per placebo adapter and training pair: the wrong answer that was taught in place of the right one."""

    placebo_answer_id: Annotated[str, "key"]
    adapter_id: Annotated[str, "-> adapters"]
    pair_id: Annotated[str, "-> qa_pairs: whose question was asked"]
    donor_pair_id: Annotated[str, "-> qa_pairs: whose answer was given"]
    answer: Annotated[str, "the wrong answer"]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One row per test question and chunk retrieved for it."""

    retrieval_id: Annotated[str, "key"]
    pair_id: Annotated[str, "-> qa_pairs"]
    rank: Annotated[int, "0-based, best first"]
    chunk_id: Annotated[str, "-> chunks"]
    score: Annotated[float, "cosine of the question and the nearest sentence of the chunk"]
    is_evidence_chunk: Annotated[bool, "the chunk that the pair was made from"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One row per arm and test question."""

    answer_id: Annotated[str, "key"]
    pair_id: Annotated[str, "-> qa_pairs"]
    arm: Annotated[str, "base, base_rag, tuned, tuned_rag ...; or a name of answer.models"]
    model: Annotated[str, "path or hub name, as in the settings; empty where no model is asked: reference, refusal"]
    adapter_id: Annotated[str | None, "-> adapters; null for arms without one of this run"]
    answer: Annotated[str, "as generated, special tokens removed"]
    n_prompt_tokens: Annotated[int, "tokens put to the model"]
    n_answer_tokens: Annotated[int, "tokens generated"]
    finish_reason: Annotated[Literal["stop", "length"], "end token, or answer.max_new_tokens"]


@dataclass(frozen=True, slots=True)
class Score:
    """One row per answer: measures that need no judge."""

    answer_id: Annotated[str, "key -> answers"]
    pair_id: Annotated[str, "-> qa_pairs"]
    arm: Annotated[str, "as in answers"]
    states_key: Annotated[bool | None, "the answer_key occurs within the word limit; for a refusal, it declines; null without a key"]
    n_words: Annotated[int, "in the answer"]
    token_f1: Annotated[float, "SQuAD token F1 with the reference, 0 to 1"]
    rouge_l: Annotated[float, "ROUGE-L F with stemmer, 0 to 1"]
    cosine: Annotated[float, "mean over the answer's windows of the best window cosine with the reference"]
    contrastive_cosine: Annotated[float, "cosine minus its mean over the other references of the document"]
    grounding_cosine: Annotated[float, "best cosine of the answer with a chunk of the document"]
    grounding_copy: Annotated[float, "share of the answer's 4-grams that stand in the document body"]
    numbers_grounded: Annotated[float | None, "share of the answer's numbers that stand in the document body; null without numbers"]
    declines: Annotated[bool | None, "the answer says that it cannot be told; null where an earlier version measured"] = None


@dataclass(frozen=True, slots=True)
class Probe:
    """One row per arm, test question and other way of asking: another format or prompt, or drawn at random. No judge reads it."""

    probe_id: Annotated[str, "key"]
    purpose: Annotated[Literal["format", "prompt", "sample"], "what it is for: the format spread, the best prompt, or what the base knew"]
    variant: Annotated[str, "name of the format or prompt; of a sample its 0-based rank"]
    pair_id: Annotated[str, "-> qa_pairs"]
    arm: Annotated[str, "as in answers"]
    model: Annotated[str, "as in answers"]
    adapter_id: Annotated[str | None, "-> adapters; null for arms without one"]
    answer: Annotated[str, "as generated, special tokens removed"]
    states_key: Annotated[bool | None, "as in scores; null without a key"]
    n_prompt_tokens: Annotated[int, "tokens put to the model"]
    n_answer_tokens: Annotated[int, "tokens generated"]
    finish_reason: Annotated[Literal["stop", "length"], "end token, or answer.max_new_tokens"]


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """One row per arm and test question: how likely the arm finds the reference answer, and others of the same document (judge loglik)."""

    choice_id: Annotated[str, "key"]
    pair_id: Annotated[str, "-> qa_pairs"]
    arm: Annotated[str, "as in answers"]
    model: Annotated[str, "path or hub name, as in the settings; empty for an arm without a model"]
    adapter_id: Annotated[str | None, "-> adapters; null for arms without one"]
    reason: Annotated[
        Literal["too_few_references", "no_model"] | None,
        "why nothing could be chosen: no others of like length and footing in the document, or an arm that no model answers; null: scored",
    ]
    option_pair_ids: Annotated[tuple[str, ...], "-> qa_pairs: whose reference answers were weighed, by id; the own one among them"]
    log_likelihoods: Annotated[tuple[float, ...], "of each option and the end after the arm's prompt, nats"]
    unconditional: Annotated[tuple[float, ...], "the same after an empty question"]
    n_chars: Annotated[tuple[int, ...], "code points of each option"]
    n_bytes: Annotated[tuple[int, ...], "of each option as UTF-8"]
    acc: Annotated[bool | None, "the reference has the highest log-likelihood; null where reason is not"]
    acc_norm: Annotated[bool | None, "the highest per character"]
    acc_bytes: Annotated[bool | None, "the highest per byte"]
    acc_mutual_info: Annotated[bool | None, "the highest less the unconditional one"]
    mutual_information: Annotated[float | None, "log-likelihood of the reference less the unconditional one, nats"]
    perplexity: Annotated[float | None, "of the reference: exp(nats per token), the end token among them"]
    bits_per_byte: Annotated[float | None, "of the reference: nats / (ln 2 * bytes)"]
    bits_per_byte_others: Annotated[float | None, "mean over the other options"]


@dataclass(frozen=True, slots=True)
class ChoiceRate:
    """One row per arm and test set: how often the arm finds the reference answer the likeliest of its options."""

    choice_rate_id: Annotated[str, "key"]
    arm: Annotated[str, "as in answers"]
    split: Annotated[str, "the test set"]
    n_planned: Annotated[int, "questions of the set"]
    n: Annotated[int, "of these scored; choice_scores.reason says why others were not"]
    chance: Annotated[float | None, "rate of who guesses: mean of 1 / options"]
    acc: Annotated[float | None, "by log-likelihood; favours short answers"]
    acc_norm: Annotated[float | None, "per character"]
    low: Annotated[float | None, "95 % interval of acc_norm; null when not estimable"]
    high: Annotated[float | None, "95 % interval of acc_norm; null when not estimable"]
    acc_bytes: Annotated[float | None, "per byte"]
    acc_mutual_info: Annotated[float | None, "less the unconditional log-likelihood"]
    mutual_information: Annotated[float | None, "mean, nats: what the question tells the arm about its reference"]
    bits_per_byte: Annotated[float | None, "mean over the references; falls with style alone"]
    bits_per_byte_others: Annotated[float | None, "mean over the other options"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]


@dataclass(frozen=True, slots=True)
class SpecificGain:
    """One row per contrast and test set: bits per byte that arm_a saves on the reference, beyond what it saves on other answers."""

    specific_gain_id: Annotated[str, "key"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    n_planned: Annotated[int, "questions of the set"]
    n: Annotated[int, "of these scored in both arms"]
    gain: Annotated[float | None, "mean of arm_b's bits per byte of the reference less arm_a's"]
    gain_others: Annotated[float | None, "the same over other answers of the document: what style alone gains"]
    specific_gain: Annotated[float | None, "gain - gain_others"]
    low: Annotated[float | None, "95 % interval of specific_gain; null when not estimable"]
    high: Annotated[float | None, "95 % interval of specific_gain; null when not estimable"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row per question, contrast, judge, presentation order and vote."""

    verdict_id: Annotated[str, "key"]
    contrast: Annotated[str, "arm_a:arm_b, e.g. tuned:base"]
    pair_id: Annotated[str, "the question put to both arms"]
    judge: Annotated[str, "name and version"]
    order: Annotated[
        Literal["ab", "ba", "none"], "which arm was shown first; none for a judge that does not look at order, or whose log does not say"
    ]
    vote: Annotated[int, "0-based"]
    verdict: Annotated[
        Literal["first", "second", "tie", "unparsed", "error", "not_asked"],
        "as the reply said; for order none, first = arm_a; not_asked: people label a sample, and this question was not drawn",
    ]
    reply: Annotated[str, "what the judge wrote, whole; for similarity the figures it went by, for human who said what"]


@dataclass(frozen=True, slots=True)
class ControlVerdict:
    """One row per judge, control question, presentation order and vote: what the judge said where the right outcome is known."""

    control_verdict_id: Annotated[str, "key"]
    judge: Annotated[str, "as in verdicts"]
    control: Annotated[str, "K1 to K8"]
    variant: Annotated[str, "what was done to the second answer"]
    pair_id: Annotated[str, "the question, whose reference answer is known"]
    answer_a: Annotated[str, "the better answer, or the one that must not lose"]
    answer_b: Annotated[str, "what it is held against"]
    order: Annotated[Literal["ab", "ba", "none"], "which answer was shown first; none for a judge that does not look at order"]
    vote: Annotated[int, "0-based"]
    verdict: Annotated[Literal["first", "second", "tie", "unparsed", "error"], "as the reply said; for order none, first = answer_a"]
    reply: Annotated[str, "what the judge wrote, whole; for similarity the figures it went by"]


@dataclass(frozen=True, slots=True)
class ControlRate:
    """One row per judge and control: how often the judge came to the right outcome, and whether that is often enough."""

    control_rate_id: Annotated[str, "key"]
    judge: Annotated[str, "as in verdicts"]
    control: Annotated[str, "K1 to K8"]
    what: Annotated[str, "what is asked, and what must come out"]
    n_wanted: Annotated[int, "questions asked for by the settings"]
    n: Annotated[int, "questions put, less those whose call came to nothing"]
    n_passed: Annotated[int, "of these with the right outcome; a reply without a verdict is none"]
    n_errors: Annotated[int, "questions whose call came to nothing"]
    rate: Annotated[float | None, "n_passed / n; null without questions"]
    low: Annotated[float | None, "95 % interval (Wilson); null without questions"]
    high: Annotated[float | None, "95 % interval (Wilson); null without questions"]
    least: Annotated[float, "what the rate must reach"]
    is_passed: Annotated[
        bool | None, "rate >= least; of people, who see few: nobody failed it who got too many wrong in all (p .05); null without questions"
    ]
    is_gate: Annotated[bool, "a failure makes this judge unfit; false for measures, whose rates are shown alone"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One row per judge, contrast and test set of a run: the win rate of arm_a with its uncertainty."""

    estimate_id: Annotated[str, "key"]
    judge: Annotated[str, "name and version"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set; `imported` for judgements that were made elsewhere"]
    n_planned: Annotated[int, "questions of the set"]
    n: Annotated[int, "questions scored"]
    n_wins: Annotated[int, "arm_a states the reference fact (or is judged better) and arm_b does not"]
    n_ties: Annotated[int, "no difference"]
    n_losses: Annotated[int, "the reverse of a win"]
    n_unscored: Annotated[int, "n_planned - n - n_not_asked: unparsed, error, skipped or unanswered"]
    rate: Annotated[float | None, "(wins + ties / 2) / n; null when n is 0"]
    low: Annotated[float | None, "95 % interval; null when not estimable"]
    high: Annotated[float | None, "95 % interval; null when not estimable"]
    bound_low: Annotated[float | None, "rate of the n + n_unscored asked with all unscored counted as losses"]
    bound_high: Annotated[float | None, "the same with all unscored counted as wins"]
    unit: Annotated[EstimateUnit, "what the interval clusters by; question only for imported judgements, whose documents are unknown"]
    n_units: Annotated[int, "clusters"]
    p_value: Annotated[float | None, "two-sided sign-flip test over clusters; null below 6"]
    p_holm: Annotated[float | None, "p_value adjusted (Holm) for n_tests; null where p_value is"]
    n_tests: Annotated[int, "p-values of this run and judge, over all contrasts and test sets"]
    mcnemar_p: Annotated[float | None, "exact McNemar test over wins and losses, question by question; null without questions"]
    mde: Annotated[float | None, "smallest difference from .5 detectable with 80 % power at this size"]
    is_difference: Annotated[bool, "claimed only where the interval and p_holm agree"]
    scope: Annotated[str, "what the interval speaks about, in words"]
    method: Annotated[str, "how interval and p were computed"]
    n_not_asked: Annotated[int | None, "questions of the set that were not drawn for people to label; neither scored nor in a bound"] = None


@dataclass(frozen=True, slots=True)
class ArmRate:
    """One row per arm and test set of a run: how often the arm states the reference fact."""

    arm_rate_id: Annotated[str, "key"]
    arm: Annotated[str, "as in answers"]
    split: Annotated[str, "the test set"]
    n_planned: Annotated[int, "questions of the set"]
    n_answered: Annotated[int, "answers that landed"]
    n_keyed: Annotated[int, "of these with an answer_key"]
    n_stated: Annotated[int, "of these where the answer states it"]
    rate: Annotated[float | None, "n_stated / n_keyed; null when n_keyed is 0"]
    low: Annotated[float | None, "95 % interval; null when not estimable"]
    high: Annotated[float | None, "95 % interval; null when not estimable"]
    unit: Annotated[Literal["document", "fact", "none"], "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]
    method: Annotated[str, "how the interval was computed"]


@dataclass(frozen=True, slots=True)
class FlipRate:
    """One row per contrast and test set of a run: the questions on which exactly one arm states the reference fact."""

    flip_rate_id: Annotated[str, "key"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    n: Annotated[int, "questions with an answer_key that both arms answered"]
    n_negative: Annotated[int, "arm_b states it and arm_a does not: what was lost"]
    n_positive: Annotated[int, "the reverse: what was gained"]
    negative_rate: Annotated[float | None, "n_negative / n; null when n is 0"]
    negative_low: Annotated[float | None, "95 % interval; null when not estimable"]
    negative_high: Annotated[float | None, "95 % interval; null when not estimable"]
    positive_rate: Annotated[float | None, "n_positive / n"]
    gain: Annotated[float | None, "positive_rate - negative_rate"]
    gain_low: Annotated[float | None, "95 % interval of the paired difference"]
    gain_high: Annotated[float | None, "95 % interval of the paired difference"]
    mcnemar_p: Annotated[float | None, "exact McNemar test, question by question"]
    unit: Annotated[Unit, "what the intervals cluster by"]
    n_units: Annotated[int, "clusters"]
    method: Annotated[str, "how the intervals were computed"]


@dataclass(frozen=True, slots=True)
class LengthControl:
    """One row per judge, contrast and test set: the win rate of arm_a if both answers were equally long (a logit on the length gap)."""

    length_control_id: Annotated[str, "key"]
    judge: Annotated[str, "name and version"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    n: Annotated[int, "questions scored, with both answers at hand"]
    rate: Annotated[float | None, "win rate on these, lengths as they are"]
    rate_at_equal_length: Annotated[float | None, "1 / (1 + exp(-theta)); null where not identifiable"]
    low: Annotated[float | None, "95 % interval; null when not estimable"]
    high: Annotated[float | None, "95 % interval; null when not estimable"]
    theta: Annotated[float | None, "log-odds of a win of arm_a at equal length"]
    beta: Annotated[float | None, "change of the log-odds as tanh(length gap / its standard deviation) goes up by 1"]
    beta_low: Annotated[float | None, "95 % interval"]
    beta_high: Annotated[float | None, "95 % interval"]
    share_longer: Annotated[float | None, "share of questions where arm_a's answer is the longer one, in characters"]
    share_near: Annotated[float | None, "share with |tanh(length gap / standard deviation)| below .25"]
    gap_in_sd: Annotated[float | None, "mean length gap (arm_a - arm_b) in standard deviations of the gap"]
    is_identifiable: Annotated[bool, "lengths differ, so that their part can be told apart"]
    is_separated: Annotated[bool, "length alone, or arm alone, tells every win: theta and beta come from a ridge and have no interval"]
    is_extrapolated: Annotated[bool, "few pairs are near equal length: one arm is longer in over 80 %, or |gap_in_sd| is above .75"]
    is_moved: Annotated[bool, "rate_at_equal_length lies more than 10 points from rate"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]
    method: Annotated[str, "how it was fitted, in words"]


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """One row per contrast, test set and pair of judges (from three judges on also one for all): how far they agree beyond chance."""

    judge_agreement_id: Annotated[str, "key"]
    judges: Annotated[tuple[str, ...], "names and versions"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    statistic: Annotated[Literal["cohen", "krippendorff"], "Cohen's kappa for two, Krippendorff's nominal alpha for more"]
    n: Annotated[int, "questions that two judges at least scored"]
    agreement: Annotated[float | None, "share of pairs of verdicts on one question that are the same: win, tie or loss"]
    value: Annotated[float | None, "1 = full agreement, 0 = chance; null where all verdicts are the same"]
    low: Annotated[float | None, "95 % jackknife interval over clusters; null when not estimable"]
    high: Annotated[float | None, "95 % jackknife interval over clusters; null when not estimable"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """One row per judge, contrast, test set and outcome: how often it really happens, by what people said of the same questions."""

    calibration_id: Annotated[str, "key"]
    judge: Annotated[str, "name and version of the judge that is calibrated"]
    labeller: Annotated[str, "the judge whose verdicts count as the truth: human/..."]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    outcome: Annotated[Literal["win", "loss"], "of arm_a"]
    n: Annotated[int, "questions of the set that the judge scored"]
    n_labelled: Annotated[int, "questions of any test set of this contrast that both scored"]
    n_labelled_so: Annotated[int, "of these the ones where the labeller says this outcome"]
    said: Annotated[float | None, "share of n where the judge says this outcome"]
    sensitivity: Annotated[float | None, "q1: of n_labelled_so the share where the judge says so too"]
    specificity: Annotated[float | None, "q0: of the others the share where the judge does not say so"]
    rate: Annotated[float | None, "(said + q0 - 1) / (q0 + q1 - 1), clipped to 0..1; null where not valid"]
    low: Annotated[float | None, "95 % interval that carries the noise of q0 and q1"]
    high: Annotated[float | None, "95 % interval that carries the noise of q0 and q1"]
    is_valid: Annotated[bool, "q0 + q1 > 1: the judge says this outcome more often where it is true"]
    note: Annotated[str, "why it is not valid; empty where it is"]


@dataclass(frozen=True, slots=True)
class ArmStrength:
    """One row per judge, test set and arm, from three arms on: Bradley-Terry strength over all contrasts, a tie half each way."""

    arm_strength_id: Annotated[str, "key"]
    judge: Annotated[str, "name and version"]
    split: Annotated[str, "the test set"]
    arm: Annotated[str, "as in answers"]
    n_arms: Annotated[int, "arms compared"]
    n: Annotated[int, "verdicts that name this arm, ties included"]
    strength: Annotated[float | None, "log-odds, centred on the arms' mean; null where no finite strength exists"]
    low: Annotated[float | None, "95 % jackknife interval over clusters; null when not estimable"]
    high: Annotated[float | None, "95 % jackknife interval over clusters; null when not estimable"]
    is_connected: Annotated[bool, "every arm can be reached from every other by wins or ties: else no finite strength exists"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]
    note: Annotated[str, "which arms never won or never lost against the others; empty where connected"]


@dataclass(frozen=True, slots=True)
class FormatRate:
    """One row per arm, prompt format and test set: how often the arm states the reference fact when asked in that format."""

    format_rate_id: Annotated[str, "key"]
    arm: Annotated[str, "as in answers"]
    format: Annotated[str, "name of a format that leaves the meaning as it is; `default` is the one that all else is asked in"]
    split: Annotated[str, "the test set"]
    n: Annotated[int, "questions with an answer_key"]
    n_stated: Annotated[int, "of these where the answer states it"]
    rate: Annotated[float | None, "n_stated / n; null when n is 0"]


@dataclass(frozen=True, slots=True)
class FormatSpread:
    """One row per arm and test set: how far the prompt's format alone moves the rate."""

    format_spread_id: Annotated[str, "key"]
    arm: Annotated[str, "as in answers"]
    split: Annotated[str, "the test set"]
    n: Annotated[int, "questions that were answered in every format"]
    n_formats: Annotated[int, "formats, the default included"]
    default_rate: Annotated[float | None, "in the default format"]
    lowest_rate: Annotated[float | None, "of all formats"]
    lowest_format: Annotated[str | None, "the format that gives it"]
    highest_rate: Annotated[float | None, "of all formats"]
    highest_format: Annotated[str | None, "the format that gives it"]
    spread: Annotated[float | None, "highest_rate - lowest_rate"]


@dataclass(frozen=True, slots=True)
class FormatGain:
    """One row per contrast and test set: whether arm_a's gain over arm_b survives a change of the prompt's format."""

    format_gain_id: Annotated[str, "key"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    n_formats: Annotated[int, "formats in which both arms were asked"]
    default_gain: Annotated[float | None, "rate of arm_a - rate of arm_b in the default format"]
    lowest_gain: Annotated[float | None, "of all formats"]
    highest_gain: Annotated[float | None, "of all formats"]
    n_same_sign: Annotated[int, "formats whose gain has the sign of the default's, the default included"]


@dataclass(frozen=True, slots=True)
class Elicitation:
    """One row per arm and test set: what a better prompt gains, chosen on one half of the clusters and scored on the other."""

    elicitation_id: Annotated[str, "key"]
    arm: Annotated[str, "as in answers"]
    split: Annotated[str, "the test set"]
    n_choosing: Annotated[int, "questions of half A"]
    n_scoring: Annotated[int, "questions of half B"]
    best_prompt: Annotated[str | None, "the prompt with the highest rate on half A; the default where it is as good as any"]
    default_rate: Annotated[float | None, "of the default prompt on half B"]
    best_rate: Annotated[float | None, "of the best prompt on half B"]
    gap: Annotated[float | None, "best_rate - default_rate"]
    low: Annotated[float | None, "95 % interval of the paired difference; null when not estimable"]
    high: Annotated[float | None, "95 % interval of the paired difference; null when not estimable"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters of half B"]


@dataclass(frozen=True, slots=True)
class KnowledgeSlice:
    """One row per test question: whether the base model knew the fact before any tuning, from answers sampled without excerpts."""

    pair_id: Annotated[str, "key -> qa_pairs"]
    n_samples: Annotated[int, "answers sampled"]
    n_stated: Annotated[int, "of these the ones that state the reference fact"]
    slice: Annotated[Literal["known", "maybe", "unknown"], "stated by (nearly) all samples, by some, by none"]


@dataclass(frozen=True, slots=True)
class SliceRate:
    """One row per judge, contrast, test set and knowledge slice: the win rate of arm_a within it."""

    slice_rate_id: Annotated[str, "key"]
    judge: Annotated[str, "name and version"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    slice: Annotated[Literal["known", "maybe", "unknown"], "as in knowledge_slices"]
    n_planned: Annotated[int, "questions of the slice"]
    n: Annotated[int, "of these scored"]
    n_wins: Annotated[int, "of arm_a"]
    n_ties: Annotated[int, "no difference"]
    n_losses: Annotated[int, "the reverse of a win"]
    rate: Annotated[float | None, "(wins + ties / 2) / n; null when n is 0"]
    low: Annotated[float | None, "95 % interval; null when not estimable"]
    high: Annotated[float | None, "95 % interval; null when not estimable"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]


@dataclass(frozen=True, slots=True)
class RunComparison:
    """One row per measure that two runs share: the questions both tested, run by run. Stands with the later of the two runs."""

    run_comparison_id: Annotated[str, "key"]
    run_a: Annotated[str, "the new run: a gain is in its favour"]
    run_b: Annotated[str, "the run that it is held against"]
    subject: Annotated[str, "the arm, or judge and contrast"]
    measure: Annotated[str, "states_key, token_f1, rouge_l, contrastive_cosine, or outcome (win 1, tie .5, loss 0)"]
    split: Annotated[str, "the test set, the same in both"]
    n: Annotated[int, "questions that both runs scored"]
    n_only_a: Annotated[int, "questions of this set that run_a alone scored"]
    n_only_b: Annotated[int, "questions of this set that run_b alone scored"]
    mean_a: Annotated[float | None, "over the shared questions"]
    mean_b: Annotated[float | None, "over the shared questions"]
    gain: Annotated[float | None, "mean_a - mean_b"]
    low: Annotated[float | None, "95 % interval of the paired difference; null when not estimable"]
    high: Annotated[float | None, "95 % interval of the paired difference; null when not estimable"]
    n_better: Annotated[int, "questions where run_a is ahead"]
    n_worse: Annotated[int, "questions where run_a is behind"]
    p_value: Annotated[float | None, "two-sided sign-flip test over clusters; null below 6"]
    p_holm: Annotated[float | None, "p_value adjusted (Holm) over all rows of this comparison"]
    mcnemar_p: Annotated[float | None, "exact McNemar test over n_better and n_worse, question by question; states_key and outcome alone"]
    is_difference: Annotated[bool, "claimed only where the interval and p_holm agree"]
    unit: Annotated[Unit, "what the interval clusters by"]
    n_units: Annotated[int, "clusters"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One row per rule that a run was held to: whether it may pass, and by which figures."""

    gate_id: Annotated[str, "key"]
    judge: Annotated[str, "name and version"]
    contrast: Annotated[str, "arm_a:arm_b"]
    split: Annotated[str, "the test set"]
    basis: Annotated[Literal["low", "rate"], "low: the cautious end of each interval must hold; rate: the figure itself"]
    min_win_rate: Annotated[float, "what the win rate must reach"]
    win_rate: Annotated[float | None, "low end of its interval, or the rate; null when not estimable"]
    max_negative_flips: Annotated[float | None, "what the negative flip rate may not exceed; null where not asked"]
    negative_flips: Annotated[float | None, "high end of its interval, or the rate; null when not estimable"]
    max_unscored_share: Annotated[float, "of the questions without a verdict"]
    unscored_share: Annotated[float | None, "of the questions asked; null without any"]
    is_passed: Annotated[bool, "every figure is known and holds"]
    reasons: Annotated[tuple[str, ...], "what does not hold, in words; empty where it passes"]


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One row per combination of values that `tunehouse sweep` or `tunehouse curve` tried: the run that came of it, or why none did."""

    sweep_run_id: Annotated[str, "key"]
    sweep_id: Annotated[str, "over the combinations and all other settings: the same sweep run again replaces its rows"]
    sweep: Annotated[str, "the matrix file's name without its ending, or the one setting of a curve"]
    rank: Annotated[int, "0-based, in the order in which they ran"]
    settings: Annotated[str, "JSON: axis -> value as YAML writes it, or the choice's name"]
    run_id: Annotated[str | None, "-> runs; null where none was begun"]
    status: Annotated[Literal["completed", "incomplete", "failed"], "incomplete: units are still to do, run the sweep again"]
    reason: Annotated[str, "why the run did not complete; empty where it did"]


@dataclass(frozen=True, slots=True)
class ImportedJudgement:
    """One row per entry of a log of judgements that were made elsewhere, with or without a verdict; its verdict is in verdicts."""

    pair_id: Annotated[str, "key: the log's sha256 and the entry's rank; stands for a pair of which nothing else is known here"]
    log: Annotated[str, "the file's name"]
    log_sha256: Annotated[str, "of the file's bytes"]
    rank: Annotated[int, "0-based: verdicts in printed order, then the entries that have none"]
    has_verdict: Annotated[bool, "false: the log loaded the entry and never judged it; which one it was is not said"]
    question: Annotated[str | None, "where the log prints it"]
    context: Annotated[str | None, "where the log prints it: the title of the document"]
    reference: Annotated[str | None, "where the log prints it"]
    answer_a: Annotated[str | None, "of the contrast's arm_a, where the log prints it"]
    answer_b: Annotated[str | None, "of the contrast's arm_b, where the log prints it"]


@dataclass(frozen=True, slots=True)
class Run:
    """One row per run, landed when it starts."""

    run_id: Annotated[str, "key: UTC start and eight hex digits"]
    started_at: Annotated[str, "UTC, ISO 8601"]
    flow_run_id: Annotated[str, "Prefect's id; empty outside Prefect"]
    settings: Annotated[str, "the whole RunConfig as JSON; no secrets are in it"]
    versions: Annotated[str, "packages, Python and tunehouse as JSON"]
    git_commit: Annotated[str | None, "of the checkout; null outside one"]
    is_dirty: Annotated[bool | None, "the checkout had uncommitted changes"]
    seeds: Annotated[str, "the seed of each stage that draws, as JSON"]


@dataclass(frozen=True, slots=True)
class RunUnit:
    """One row per run and unit of work that the run is made of; a unit may serve many runs."""

    run_unit_id: Annotated[str, "key"]
    run_id: Annotated[str, "-> runs"]
    stage: Annotated[str, "ingest, chunk, generate ..."]
    unit_id: Annotated[str, "names the commit record"]
    rank: Annotated[int, "0-based, order within the stage"]
    label: Annotated[str, "what a person would call it: a file name, an arm and batch ..."]
    reads: Annotated[tuple[str, ...], "the unit ids whose rows it reads"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """One row per run that ended."""

    run_id: Annotated[str, "key -> runs"]
    finished_at: Annotated[str, "UTC, ISO 8601"]
    status: Annotated[
        Literal["completed", "incomplete", "failed", "imported", "estimated"],
        "incomplete: the end was reached, units are pending; failed: stopped before it; imported: judged elsewhere; estimated: a dry run",
    ]
    n_units: Annotated[int, "units that the run is made of"]
    n_units_done: Annotated[int, "of these committed by this run"]
    n_pending: Annotated[int, "units still to do"]
    n_warnings: Annotated[int, "documents whose status is not ok"]
    message: Annotated[str, "the headline or the error"]


@dataclass(frozen=True, slots=True)
class UnitFailure:
    """One row per task run that ended in an error: why its unit was not landed then. The view `failures` shows those that still matter."""

    unit_failure_id: Annotated[str, "key"]
    unit_id: Annotated[str, "-> run_units; has no commit, or an older or a later one"]
    stage: Annotated[str, "ingest, chunk, generate ..."]
    label: Annotated[str, "what a person would call the unit"]
    error_type: Annotated[str, "class of the error"]
    error: Annotated[str, "its message, the first 2,000 characters"]
    failed_at: Annotated[str, "UTC, ISO 8601"]
    flow_run_id: Annotated[str, "Prefect's id; empty outside Prefect"]
    task_run_id: Annotated[str, "Prefect's id, as `tunehouse rerun` takes it; empty outside Prefect"]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One row per document whose file was gone when a run looked through its sources again. What was made of it stays for old runs."""

    tombstone_id: Annotated[str, "key"]
    document_id: Annotated[str, "-> documents of last_run_id"]
    sha256: Annotated[str, "of the file's bytes"]
    file_name: Annotated[str, "as in documents"]
    title: Annotated[str, "as in documents"]
    last_run_id: Annotated[str, "-> runs: the last finished run over the same sources, which still had it"]
    noticed_run_id: Annotated[str, "-> runs: the run that found it gone"]
    noticed_at: Annotated[str, "UTC, ISO 8601"]


DOCUMENTS = Table("documents", Document, key="document_id")
PAGES = Table("pages", Page, key="page_id")
PAGE_LINES = Table("page_lines", PageLine, key="line_id")
SECTIONS = Table("sections", Section, key="section_id")
CHUNKS = Table("chunks", Chunk, key="chunk_id")
CHUNK_PAGES = Table("chunk_pages", ChunkPage, key="slice_id")
CHUNK_VECTORS = Table("chunk_vectors", ChunkVector, key="vector_id")
QA_PAIRS = Table("qa_pairs", QaPair, key="pair_id")
EVIDENCE = Table("evidence", Evidence, key="evidence_id")
KEPT_PAIRS = Table("kept_pairs", KeptPair, key="pair_id")
PAIR_SCORES = Table("pair_scores", PairScore, key="pair_score_id")
LLM_CALLS = Table("llm_calls", LlmCall, key="llm_call_id")
CALL_ESTIMATES = Table("call_estimates", CallEstimate, key="call_estimate_id")
REVIEWS = Table("reviews", Review, key="review_id")
LABELS = Table("labels", Label, key="label_id")
REJECTED = Table("rejected", Rejected, key="rejection_id")
SPLITS = Table("splits", SplitRow, key="pair_id")
ADAPTERS = Table("adapters", Adapter, key="adapter_id")
TRAINING_RUNS = Table("training_runs", TrainingRun, key="adapter_id")
TRAINING_STEPS = Table("training_steps", TrainingStep, key="step_id")
TRAINING_EXAMPLES = Table("training_examples", TrainingExample, key="example_id")
PREFERENCE_PAIRS = Table("preference_pairs", PreferencePair, key="preference_id")
PREFERENCE_QUESTIONS = Table("preference_questions", PreferenceQuestion, key="pair_id")
PREFERENCE_EXAMPLES = Table("preference_examples", PreferenceExample, key="preference_example_id")
CONTROL_LIKELIHOODS = Table("control_likelihoods", ControlLikelihood, key="control_likelihood_id")
FORGETTING = Table("forgetting", Forgetting, key="forgetting_id")
PLACEBO_ANSWERS = Table("placebo_answers", PlaceboAnswer, key="placebo_answer_id")
RETRIEVALS = Table("retrievals", Retrieval, key="retrieval_id")
ANSWERS = Table("answers", Answer, key="answer_id")
SCORES = Table("scores", Score, key="answer_id")
PROBES = Table("probes", Probe, key="probe_id")
CHOICE_SCORES = Table("choice_scores", ChoiceScore, key="choice_id")
CHOICE_RATES = Table("choice_rates", ChoiceRate, key="choice_rate_id")
SPECIFIC_GAINS = Table("specific_gains", SpecificGain, key="specific_gain_id")
VERDICTS = Table("verdicts", Verdict, key="verdict_id")
CONTROL_VERDICTS = Table("control_verdicts", ControlVerdict, key="control_verdict_id")
CONTROL_RATES = Table("control_rates", ControlRate, key="control_rate_id")
ESTIMATES = Table("estimates", Estimate, key="estimate_id")
ARM_RATES = Table("arm_rates", ArmRate, key="arm_rate_id")
FLIP_RATES = Table("flip_rates", FlipRate, key="flip_rate_id")
LENGTH_CONTROLS = Table("length_controls", LengthControl, key="length_control_id")
JUDGE_AGREEMENTS = Table("judge_agreements", JudgeAgreement, key="judge_agreement_id")
CALIBRATIONS = Table("calibrations", Calibration, key="calibration_id")
ARM_STRENGTHS = Table("arm_strengths", ArmStrength, key="arm_strength_id")
FORMAT_RATES = Table("format_rates", FormatRate, key="format_rate_id")
FORMAT_SPREADS = Table("format_spreads", FormatSpread, key="format_spread_id")
FORMAT_GAINS = Table("format_gains", FormatGain, key="format_gain_id")
ELICITATIONS = Table("elicitations", Elicitation, key="elicitation_id")
KNOWLEDGE_SLICES = Table("knowledge_slices", KnowledgeSlice, key="pair_id")
SLICE_RATES = Table("slice_rates", SliceRate, key="slice_rate_id")
RUN_COMPARISONS = Table("run_comparisons", RunComparison, key="run_comparison_id")
GATES = Table("gates", Gate, key="gate_id")
IMPORTED_JUDGEMENTS = Table("imported_judgements", ImportedJudgement, key="pair_id")
RUNS = Table("runs", Run, key="run_id")
RUN_UNITS = Table("run_units", RunUnit, key="run_unit_id")
RUN_RESULTS = Table("run_results", RunResult, key="run_id")
UNIT_FAILURES = Table("unit_failures", UnitFailure, key="unit_failure_id")
TOMBSTONES = Table("tombstones", Tombstone, key="tombstone_id")
SWEEP_RUNS = Table("sweep_runs", SweepRun, key="sweep_run_id")

TABLES: tuple[Table, ...] = (
    DOCUMENTS, PAGES, PAGE_LINES, SECTIONS, CHUNKS, CHUNK_PAGES, CHUNK_VECTORS, QA_PAIRS, EVIDENCE, PAIR_SCORES, REVIEWS, KEPT_PAIRS,
    LABELS, REJECTED, SPLITS, LLM_CALLS, CALL_ESTIMATES, ADAPTERS, TRAINING_RUNS, TRAINING_STEPS, TRAINING_EXAMPLES, PLACEBO_ANSWERS,
    PREFERENCE_PAIRS, PREFERENCE_QUESTIONS, PREFERENCE_EXAMPLES, CONTROL_LIKELIHOODS, FORGETTING,
    RETRIEVALS, ANSWERS, SCORES, PROBES, CHOICE_SCORES, VERDICTS, CONTROL_VERDICTS, CONTROL_RATES, ESTIMATES, ARM_RATES, FLIP_RATES,
    LENGTH_CONTROLS, CHOICE_RATES, SPECIFIC_GAINS,
    JUDGE_AGREEMENTS, CALIBRATIONS, ARM_STRENGTHS, FORMAT_RATES, FORMAT_SPREADS, FORMAT_GAINS, ELICITATIONS, KNOWLEDGE_SLICES,
    SLICE_RATES, RUN_COMPARISONS, GATES, IMPORTED_JUDGEMENTS, RUNS, RUN_UNITS, RUN_RESULTS, UNIT_FAILURES, TOMBSTONES, SWEEP_RUNS,
)  # fmt: skip

LEDGERS: tuple[Table, ...] = (RUNS, RUN_UNITS, RUN_RESULTS, UNIT_FAILURES, TOMBSTONES, REVIEWS, LABELS, CALL_ESTIMATES, SWEEP_RUNS)
"""Tables about runs and units, and what people decided: their views show every row, whatever the run."""

JOURNALS: tuple[Table, ...] = (LLM_CALLS, CALL_ESTIMATES, TRAINING_RUNS, TRAINING_STEPS)
"""Tables that say how work went, in times, tries and money: a unit that differs in nothing else has the same content as before."""
