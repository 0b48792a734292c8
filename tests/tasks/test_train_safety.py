"""What goes wrong while a training runs: disks, kills, damage, and a model that stops getting better."""

import importlib.util
import json
import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks import checkpoint, stopping
from tasks.checkpoint import Checkpoint, load_newest
from tasks.packing import encode
from tasks.train import Trained, train_adapter
from tasks.train_params import TrainExample, TrainParams
from warehouse.errors import TunehouseError

FACTS = [TrainExample(f"p{n:02}", f"What is the code of part {n}?", f"The code is {n * 37 % 101}.") for n in range(20)]
OTHERS = [TrainExample(f"o{n:02}", f"Who wrote table {n}?", f"Anna wrote {n}.") for n in range(6)]


@pytest.fixture
def params(tiny_llama: Path) -> TrainParams:
    return TrainParams(base_model=str(tiny_llama), rank=8, alpha=16, learning_rate=1e-2, epochs=4, tokens_per_step=256, n_threads=1)


def stop_at(step: int, error: type[BaseException] = KeyboardInterrupt):
    def on_step(done: int, _n: int, _loss: float) -> None:
        if done == step:
            raise error

    return on_step


def losses(trained: Trained) -> list[float | None]:
    return [row.validation_loss for row in trained.steps]


def test_the_validation_loss_is_measured_every_so_many_steps_and_changes_nothing(params, tmp_path):
    plain = train_adapter(FACTS, FACTS[:4], replace(params, dropout=0.1), tmp_path / "plain", "a")
    watched = train_adapter(FACTS, FACTS[:4], replace(params, dropout=0.1, validate_steps=3), tmp_path / "watched", "a")

    assert [loss is not None for loss in losses(watched)[:6]] == [False, False, True, False, False, True]
    assert watched.adapter.sha256 == plain.adapter.sha256
    assert losses(plain) == [None] * len(plain.steps)


def test_training_stops_when_validation_gets_no_better_and_keeps_the_best_weights(params, tmp_path):
    """What is learned by heart makes other questions' answers less likely."""
    eager = replace(params, epochs=60, validate_steps=2, patience=2, dtype="float32")
    trained = train_adapter(FACTS, OTHERS, eager, tmp_path / "adapters" / "a", "a")

    measured = [loss for loss in losses(trained) if loss is not None]
    assert trained.run.stopped == "patience"
    assert trained.run.n_steps < trained.run.n_steps_planned
    assert len(measured) - 1 - measured.index(min(measured)) == 2
    assert trained.run.validation_loss == pytest.approx(min(measured), rel=1e-6)
    assert trained.run.validation_loss < measured[-1]


@pytest.mark.parametrize("step", [3, 8])
def test_a_training_that_was_stopped_before_or_after_its_best_step_lands_the_same_weights(params, tmp_path, step):
    eager = replace(params, epochs=60, validate_steps=2, patience=3, checkpoint_steps=2, dropout=0.1)
    whole = train_adapter(FACTS, OTHERS, eager, tmp_path / "whole", "a")
    with pytest.raises(KeyboardInterrupt):
        train_adapter(FACTS, OTHERS, eager, tmp_path / "cut", "a", stop_at(step))

    resumed = train_adapter(FACTS, OTHERS, eager, tmp_path / "cut", "a")

    assert resumed.adapter.sha256 == whole.adapter.sha256
    assert losses(resumed) == losses(whole)


def test_a_training_in_a_thread_stops_when_it_is_asked_to_and_goes_on_to_the_same_bits(params, tmp_path):
    """A signal reaches the main thread alone, and Prefect's tasks run in others."""
    whole = train_adapter(FACTS, [], params, tmp_path / "whole", "a")
    ended: list[BaseException] = []

    def ask_at_3(step: int, _n: int, _loss: float) -> None:
        if step == 3:
            stopping.ask()

    def work() -> None:
        try:
            train_adapter(FACTS, [], params, tmp_path / "cut", "a", ask_at_3)
        except KeyboardInterrupt as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    stopping.withdraw()

    assert len(ended) == 1
    assert [path.name for path in (tmp_path / "cut" / "checkpoints").iterdir()] == ["step-00000003"]
    assert train_adapter(FACTS, [], params, tmp_path / "cut", "a").adapter.sha256 == whole.adapter.sha256


def test_without_validation_pairs_patience_never_stops_a_training(params, tmp_path):
    trained = train_adapter(FACTS, [], replace(params, validate_steps=1, patience=1), tmp_path / "a", "a")

    assert trained.run.stopped == "epochs"


def test_a_disk_that_fills_up_at_any_write_leaves_a_checkpoint_to_go_on_from(tmp_path, monkeypatch):
    """Every write, synchronisation and renaming of a second checkpoint fails in turn."""
    tensors = {"adapter": {"weights": torch.ones(50)}, "optimizer": {"step": torch.tensor(1.0)}}
    calls: list[str] = []
    fail_at = [-1]

    def counted(name, function):
        def call(*args, **others):
            calls.append(name)
            if len(calls) - 1 == fail_at[0]:
                raise OSError(28, "No space left on device", name)
            return function(*args, **others)

        return call

    for owner, name in (
        (checkpoint, "save_file"),
        (checkpoint, "write_atomically"),
        (checkpoint, "_sync"),
        (os, "fsync"),
        (Path, "rename"),
    ):
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    checkpoint.save(tmp_path / "count", Checkpoint(1, tensors, {}), "f")
    n_calls = len(calls)
    assert n_calls > 8
    for at in range(n_calls):
        folder = tmp_path / str(at)
        fail_at[0] = -1
        checkpoint.save(folder, Checkpoint(1, tensors, {"steps": [1]}), "f")
        calls.clear()
        fail_at[0] = at
        with pytest.raises(OSError, match="No space"):
            checkpoint.save(folder, Checkpoint(2, tensors, {"steps": [1, 2]}), "f")

        found = load_newest(folder, "f")

        assert found is not None
        # only what fails after the renaming finds the new one in place
        assert found.step == (2 if "rename" in calls[:-1] else 1)
        assert not list(folder.glob(".*"))


def test_a_full_disk_in_training_is_named_and_the_next_try_goes_on(params, tmp_path, monkeypatch):
    whole = train_adapter(FACTS, [], params, tmp_path / "whole", "a")
    every = replace(params, checkpoint_steps=2)
    real, calls = checkpoint.save_file, []

    def full(*args, **others):
        calls.append(args)
        if len(calls) > 4:
            raise OSError(28, "No space left on device")
        real(*args, **others)

    monkeypatch.setattr("tasks.checkpoint.save_file", full)
    with pytest.raises(TunehouseError, match="No space left") as caught:
        train_adapter(FACTS, [], every, tmp_path / "full", "a")
    assert "free space" in caught.value.mend
    monkeypatch.setattr("tasks.checkpoint.save_file", real)

    resumed = train_adapter(FACTS, [], every, tmp_path / "full", "a")

    assert resumed.run.n_resumes == 1
    assert resumed.adapter.sha256 == whole.adapter.sha256


@pytest.mark.slow
def test_a_real_disk_that_is_full_leaves_the_old_checkpoint(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        checkpoint.save(place / "c", Checkpoint(1, {"adapter": {"weights": torch.ones(300_000)}}, {}), "f")
        with pytest.raises(OSError, match="No space left"):
            checkpoint.save(place / "c", Checkpoint(2, {"adapter": {"weights": torch.ones(300_000)}}, {}), "f")

        found = load_newest(place / "c", "f")
        assert found is not None
        assert found.step == 1
        assert [path.name for path in (place / "c").iterdir()] == ["step-00000001"]
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)  # loaded tensors still map its files


@pytest.mark.slow
def test_a_training_whose_disk_is_full_stops_with_a_fault_that_is_named(params, tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with pytest.raises(TunehouseError, match="could not be written"):
            train_adapter(FACTS, [], replace(params, checkpoint_steps=2), place / "a", "a")
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)  # loaded tensors still map its files


def test_a_pair_longer_than_the_models_context_is_cut_to_it(params, tmp_path, tiny_llama):
    long = TrainExample("long", "What is the code " + "of the long machine " * 400 + "?", "The code is 7.")

    trained = train_adapter([*FACTS, long], [], replace(params, max_tokens=4096, max_steps=2), tmp_path / "a", "a")

    (row,) = [row for row in trained.examples if row.pair_id == "long"]
    assert row.is_truncated
    assert trained.run.notes == ("cut_to_context",)
    assert row.n_tokens == json.loads((tiny_llama / "config.json").read_text())["max_position_embeddings"]


def test_twice_the_memory_trouble_halves_the_rows_twice_and_the_steps_stay(params, tmp_path, monkeypatch):
    """The same tokens make every step, however short the rows that go through the model at once."""
    roomy = train_adapter(FACTS, [], replace(params, dtype="float32"), tmp_path / "a", "a")
    from tasks import train as module

    real = module.Prepared.row_loss

    def tight(self, row):
        if sum(len(one.tokens) for one in row) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, row)

    monkeypatch.setattr(module.Prepared, "row_loss", tight)
    trained = train_adapter(FACTS, [], replace(params, dtype="float32", tokens_per_row=400), tmp_path / "b", "a")

    assert trained.run.notes == ("rows_halved",)
    assert [row.n_tokens for row in trained.steps] == [row.n_tokens for row in roomy.steps]
    assert [row.loss for row in trained.steps] == pytest.approx([row.loss for row in roomy.steps], rel=1e-4)


def test_the_pairs_of_a_batch_that_is_not_finite_are_named_wherever_it_comes(params, tmp_path, monkeypatch):
    from tasks import train as module

    real, seen = module.Prepared.row_loss, []

    def broken(self, row):
        seen.append(row)
        return real(self, row) * (float("nan") if len(seen) == 3 else 1.0)

    monkeypatch.setattr(module.Prepared, "row_loss", broken)
    with pytest.raises(TunehouseError, match="step 3 has loss nan") as caught:
        train_adapter(FACTS, [], replace(params, checkpoint_steps=1), tmp_path / "a", "a")

    assert all(one.pair_id in caught.value.where for one in seen[2][:5])
    assert not (tmp_path / "a" / "adapter_model.safetensors").exists()
    assert sorted(path.name for path in (tmp_path / "a" / "checkpoints").iterdir()) == ["step-00000001", "step-00000002"]


@pytest.mark.slow
def test_a_training_that_is_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    path = Path(__file__).parents[1] / "chaos" / "train_kills.py"
    spec = importlib.util.spec_from_file_location("train_kills", path)
    assert spec is not None
    assert spec.loader is not None
    kills = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kills)

    assert kills.rounds(tmp_path, n_kills=3, seed=1, settings={**kills.TRAIN, "epochs": 12})


def test_encoding_keeps_an_answer_that_alone_is_longer_than_may_be(tiny_llama):
    from tasks.base_model import load_tokenizer

    tokenizer, _ = load_tokenizer(str(tiny_llama))
    (one,) = encode(tokenizer, [TrainExample("p", "Which?", "It is 7. " * 50)], 40)

    assert one.is_truncated
    assert len(one.tokens) == 40
    assert one.n_prompt == 1
