import shutil
from pathlib import Path

import pytest
import torch

from tasks.checkpoint import Checkpoint, load_newest, save

FILES = ["adapter.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]


def checkpoint(step: int) -> Checkpoint:
    tensors = {"adapter": {"weights": torch.full((5,), float(step))}, "optimizer": {"step": torch.tensor(float(step))}}
    return Checkpoint(step, tensors, {"steps": [{"loss": 0.1 + step}]})


def test_what_was_saved_is_read_back(tmp_path):
    save(tmp_path, checkpoint(3), "f")

    found = load_newest(tmp_path, "f")

    assert found is not None
    assert found.step == 3
    assert found.state == {"steps": [{"loss": 3.1}]}
    assert torch.equal(found.tensors["adapter"]["weights"], torch.full((5,), 3.0))


def test_the_newest_two_are_kept(tmp_path):
    for step in (1, 2, 30, 4):
        save(tmp_path, checkpoint(step), "f")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000004", "step-00000030"]


def test_no_checkpoint_is_none(tmp_path):
    assert load_newest(tmp_path / "none", "f") is None


def test_another_trainings_checkpoint_is_not_used(tmp_path, caplog):
    save(tmp_path, checkpoint(1), "f")

    assert load_newest(tmp_path, "g") is None
    assert "another training" in caplog.text


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "truncated", "one_bit"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path, name, damage, caplog):
    for step in (1, 2):
        save(tmp_path, checkpoint(step), "f")
    path = tmp_path / "step-00000002" / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])

    found = load_newest(tmp_path, "f")

    assert found is not None
    assert found.step == 1
    assert "step-00000002 is not used" in caplog.text


def test_a_checkpoint_left_half_written_is_not_seen_and_the_next_one_stands(tmp_path: Path):
    save(tmp_path, checkpoint(1), "f")
    shutil.copytree(tmp_path / "step-00000001", tmp_path / ".step-00000002.1.tmp")

    found = load_newest(tmp_path, "f")

    assert found is not None
    assert found.step == 1


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    save(tmp_path, checkpoint(1), "f")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tasks.checkpoint.save_file", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, checkpoint(2), "f")

    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
