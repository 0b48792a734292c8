"""A model's path or hub name -> loaded model, tokenizer and prompts: ``from_pretrained`` unchanged, checked before anything is paid."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
from bisect import bisect_left
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tasks.wording import PLAIN, Wording, marked
from warehouse.errors import MissingPrerequisite
from warehouse.store import file_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMPTS = Path(__file__).with_name("prompts")
EXCERPTS_PROMPT = "answer_with_excerpts"
EXCERPTS_AFTER_PROMPT = "answer_with_excerpts_after"
FALLBACK_CHAT_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}### Answer:\n{{ message['content'] }}{{ eos_token or '' }}\n"
    "{% else %}### Question:\n{{ message['content'] }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Answer:\n{% endif %}"
)
"""Given to a tokenizer that brings no chat template: plain headings, which every vocabulary can spell."""
WEIGHTS = "model*.safetensors"
SHAPING_FILES = (
    WEIGHTS, "model*.safetensors.index.json", "config.json", "generation_config.json", "tokenizer*", "special_tokens_map.json",
    "added_tokens.json", "vocab.*", "merges.txt", "*.model", "chat_template.*",
)  # fmt: skip
"""What decides how a model answers: weights, configuration, tokenizer and chat template."""


class Base(NamedTuple):
    """A loaded base model. ``notes`` are short codes of what had to be supplied: ``fallback_chat_template``, ``pad_is_eos``."""

    model: Any
    tokenizer: Any
    notes: tuple[str, ...]


def load_base(model: str, dtype: Literal["bfloat16", "float32"] = "bfloat16", quantize: Literal["none", "4bit"] = "none") -> Base:
    """Weights and tokenizer of any causal language model, by path or hub name; on the GPU where there is one. No code of the model is run.

    Raises:
        MissingPrerequisite: there is no such model, it has no safetensors weights, or 4 bits are asked for where they cannot be had.
    """
    import torch  # noqa: PLC0415  # takes seconds
    from safetensors import SafetensorError  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

    disable_progress_bar()  # type: ignore[no-untyped-call]  # our command line draws its own
    tokenizer, notes = load_tokenizer(model)
    how = _in_4_bits(dtype) if quantize == "4bit" else {}
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, dtype), use_safetensors=True, trust_remote_code=False, **how
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _cannot_load(model, error) from error
    if not how:
        loaded.to("cuda" if torch.cuda.is_available() else "cpu")
    return Base(loaded.eval(), tokenizer, notes)


def require_4bit() -> None:
    """Check that a base can be held in 4 bits here.

    Raises:
        MissingPrerequisite: there is no CUDA device, or no bitsandbytes.
    """
    import torch  # noqa: PLC0415  # takes seconds

    where = "train.quantize: 4bit"
    if not torch.cuda.is_available():
        raise MissingPrerequisite("a base in 4 bits needs a CUDA GPU, and there is none", where=where, mend="set train.quantize to none")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingPrerequisite("bitsandbytes is not installed", where=where, mend="`pip install -e '.[bnb]'`, or set it to none")


def _in_4_bits(dtype: str) -> dict[str, Any]:
    """NF4 with doubly quantised scales, computed in ``dtype`` (Dettmers et al. 2023, arXiv:2305.14314)."""
    import torch  # noqa: PLC0415  # takes seconds
    from transformers import BitsAndBytesConfig  # noqa: PLC0415

    require_4bit()
    configure: Any = BitsAndBytesConfig
    made = configure(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
    return {"quantization_config": made, "device_map": {"": torch.cuda.current_device()}}


def load_tokenizer(model: str) -> tuple[Any, tuple[str, ...]]:
    """The model's tokenizer, padding on the left, with :data:`FALLBACK_CHAT_TEMPLATE` and the end token as pad where it has none.

    Raises:
        MissingPrerequisite: there is no such model, no tokenizer, or a tokenizer without an end token.
    """
    from transformers import AutoTokenizer  # noqa: PLC0415  # takes seconds

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False, padding_side="left")
    except (OSError, ValueError) as error:
        raise _cannot_load(model, error) from error
    if tokenizer.eos_token_id is None:
        raise MissingPrerequisite("the tokenizer has no end token", where=model, mend="name one in tokenizer_config.json: eos_token")
    notes = []
    if not tokenizer.chat_template:
        tokenizer.chat_template = FALLBACK_CHAT_TEMPLATE
        notes.append("fallback_chat_template")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
        notes.append("pad_is_eos")
    return tokenizer, tuple(notes)


def preflight(model: str) -> tuple[str, ...]:
    """Check that a model can be loaded, without loading its weights: the notes of :func:`load_tokenizer`. A hub model is fetched here.

    Raises:
        MissingPrerequisite: no such folder or hub model, no configuration, tokenizer or safetensors weights.
    """
    folder = local_folder(model)
    if not list(folder.glob(WEIGHTS)):
        pickled = next(folder.glob("*.bin"), None)
        raise MissingPrerequisite(
            "the model has no safetensors weights" + (": pickled weights can run code and are not read" if pickled else ""),
            where=str(folder),
            mend="save it with model.save_pretrained(folder), or name another model",
        )
    load_config(model)
    tokenizer, notes = load_tokenizer(model)
    chat_prompt(tokenizer, "Is this a question?")
    return notes


def load_config(model: str) -> Any:
    """The model's configuration.

    Raises:
        MissingPrerequisite: there is no such model, or it has none that can be read.
    """
    from transformers import AutoConfig  # noqa: PLC0415  # takes seconds

    try:
        return AutoConfig.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _cannot_load(model, error) from error


def local_folder(model: str) -> Path:
    """The folder that holds the model: the path itself, or the hub's snapshot, fetched unless it is here.

    Raises:
        MissingPrerequisite: there is no such folder, or the hub has or gives no such model.
    """
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    if _looks_like_a_path(model):
        raise _cannot_load(model)
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # only for models that are not a folder
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    try:
        return Path(snapshot_download(model, allow_patterns=list(SHAPING_FILES)))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise _cannot_load(model, error) from error


def base_sha256(model: str) -> str:
    """SHA-256 over names and contents of the model's weights, configuration, tokenizer and chat template.

    Raises:
        MissingPrerequisite: there is no such model.
    """
    folder = local_folder(model)
    files = sorted({path for pattern in SHAPING_FILES for path in folder.glob(pattern)})
    total = hashlib.sha256()
    for path in files:
        seen = path.stat()
        total.update(f"{path.name} {_sha256(path, seen.st_mtime_ns, seen.st_size)}\n".encode())
    return total.hexdigest()


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    return file_sha256(path)


def prompt_text(name: str) -> str:
    """The text of ``tasks/prompts/<name>.md``, its last newline left out."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8").removesuffix("\n")


def prompt_sha256(name: str) -> str:
    """SHA-256 of a prompt's text; part of the id of every unit that uses it."""
    return hashlib.sha256(prompt_text(name).encode()).hexdigest()


def chat_prompt(tokenizer: Any, question: str, excerpts: Sequence[str] = (), wording: Wording = PLAIN) -> str:
    """What is put to the model, up to where its answer begins: the question alone, or with excerpts, as one user message."""
    said = user_message(tokenizer, question, excerpts, wording)
    turn = [{"role": "user", "content": said}]
    if not wording.system:
        return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
    from jinja2 import TemplateError  # noqa: PLC0415  # only for wordings with a system message

    try:
        turns = [{"role": "system", "content": wording.system}, *turn]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except TemplateError:  # such templates raise it themselves for a role that they do not know
        turn = [{"role": "user", "content": f"{wording.system}\n\n{said}"}]
        return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))


def user_message(tokenizer: Any, question: str, excerpts: Sequence[str] = (), wording: Wording = PLAIN) -> str:
    """The question alone, or with excerpts.

    Text from documents cannot end an excerpt or a turn: ``</excerpt>`` and special tokens in it are broken up by a blank.
    """
    content = inert(tokenizer, question)
    if not excerpts:
        (content,) = marked([content], wording.marks)
    else:
        blocks = [f"<excerpt>\n{_without_marks(inert(tokenizer, text))}\n</excerpt>" for text in excerpts]
        parts = {"question": content, "excerpts": "\n\n".join(marked(blocks, wording.marks))}
        frame = prompt_text(EXCERPTS_AFTER_PROMPT if wording.is_question_first else EXCERPTS_PROMPT)
        # one pass: a text that itself says {question} stays as it is
        content = re.sub(r"\{(question|excerpts)\}", lambda found: parts[found[1]], frame)
    return "\n".join(line for line in (wording.before, content, wording.after) if line)


def fitting_excerpts(tokenizer: Any, question: str, excerpts: Sequence[str], limit: int, wording: Wording = PLAIN) -> Sequence[str]:
    """Those excerpts with which the prompt has at most ``limit`` tokens: the last loses words, then goes, and so on; never the question."""

    def fits(some: Sequence[str]) -> bool:
        return len(tokenizer(chat_prompt(tokenizer, question, some, wording), add_special_tokens=False)["input_ids"]) <= limit

    n_whole = next((n for n in range(len(excerpts), 0, -1) if fits(excerpts[:n])), 0)
    if n_whole == len(excerpts):
        return excerpts
    kept, last = excerpts[:n_whole], excerpts[n_whole]
    ends = [match.end() for match in re.finditer(r"\S+", last)]
    n_words = bisect_left(ends, True, key=lambda end: not fits([*kept, last[:end]]))
    return [*kept, last[: ends[n_words - 1]]] if n_words else kept


def inert(tokenizer: Any, text: str) -> str:
    """``text`` with a blank inside every special token of ``tokenizer`` that it spells out, so that it is read as plain text."""
    for token in tokenizer.all_special_tokens:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _without_marks(text: str) -> str:
    return text.replace("<excerpt>", "< excerpt>").replace("</excerpt>", "< /excerpt>")


def _looks_like_a_path(model: str) -> bool:
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model


def _cannot_load(model: str, error: Exception | None = None) -> MissingPrerequisite:
    if error is None or not Path(model).expanduser().is_dir():
        what = f"there is no model folder {model}" if _looks_like_a_path(model) else f"{model} is no folder, and the hub gave no such model"
        mend = "give the path of a folder with config.json, tokenizer and safetensors weights, or a hub name; a hub model needs a network"
    else:
        what = "the model folder cannot be loaded"
        mend = "it needs config.json, a tokenizer and whole safetensors weights; models that bring their own code are not run"
    detail = f" ({str(error).splitlines()[0]})" if error and str(error) else ""
    return MissingPrerequisite(what + detail, where=model, mend=mend)
