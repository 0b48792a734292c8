"""State of a training <-> a folder: written whole with a manifest of checksums last, and never read where one does not hold.

A checkpoint is ``step-<n>/`` with safetensors files (no pickle) and ``state.json``; ``manifest.json`` names each with its sha256. It is
written aside and renamed. The newest and the one before it are kept, so that a damaged one costs some steps and nothing else.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from warehouse.store import file_sha256, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import torch

N_KEPT = 2
MANIFEST = "manifest.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a training goes on from. ``tensors``: file stem -> name -> tensor; ``state``: anything that JSON holds."""

    step: int
    tensors: Mapping[str, Mapping[str, torch.Tensor]]
    state: Mapping[str, Any]


def save(folder: Path, checkpoint: Checkpoint, fingerprint: str) -> None:
    """Write ``folder/step-<n>``, then drop all but the newest :data:`N_KEPT`. ``fingerprint`` tells whose training it is.

    Raises:
        OSError: the disk is full or not writable. What stood before still stands.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{checkpoint.step:08d}"
    aside = folder / f".{target.name}.{os.getpid()}.tmp"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        for stem, tensors in checkpoint.tensors.items():
            save_tensors(dict(tensors), aside / f"{stem}.safetensors")
        (aside / "state.json").write_text(json.dumps(checkpoint.state), encoding="utf-8")
        for path in aside.iterdir():
            _sync(path)
        sha256 = {path.name: file_sha256(path) for path in sorted(aside.iterdir())}
        manifest = {"step": checkpoint.step, "fingerprint": fingerprint, "sha256": sha256}
        write_atomically(aside / MANIFEST, json.dumps(manifest).encode())
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
        _sync(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    for old in sorted(folder.glob("step-*"))[:-N_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file.

    Raises:
        OSError: the disk is full or not writable; the library has an error of its own for that.
    """
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


def load_newest(folder: Path, fingerprint: str) -> Checkpoint | None:
    """The newest whole checkpoint of this training; None where there is none. Damaged and foreign ones are passed over, and named."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        faults = list(_faults(path, fingerprint))
        if not faults:
            state = json.loads((path / "state.json").read_text(encoding="utf-8"))
            tensors = {file.stem: load_file(file) for file in sorted(path.glob("*.safetensors"))}
            return Checkpoint(int(path.name.removeprefix("step-")), tensors, state)
        log.warning("checkpoint %s is not used: %s", path, "; ".join(faults))
    return None


def discard(folder: Path) -> None:
    """Delete the checkpoints in ``folder``: for when what they led to is committed."""
    shutil.rmtree(folder, ignore_errors=True)


def _faults(path: Path, fingerprint: str) -> Iterator[str]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        wanted = dict(manifest["sha256"])
        owner = manifest["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"no readable manifest ({error})"
        return
    if owner != fingerprint:
        yield "it belongs to another training"
    if not wanted:
        yield "its manifest names no file"
    for name, sha256 in wanted.items():
        if not (path / name).is_file():
            yield f"{name} is missing"
        elif file_sha256(path / name) != sha256:
            yield f"{name} is damaged"
    yield from (f"{extra.name} is foreign" for extra in path.glob("*.safetensors") if extra.name not in wanted)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
