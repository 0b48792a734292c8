"""An adapter that is trained again: the one that stands is used until the new one is there."""

from dataclasses import replace

from tasks.units import Made, Unit, land_once
from tasks.weights import put_in_place, training_folder
from warehouse.store import Warehouse
from warehouse.tables import ADAPTERS

WORK = Unit("u1", "train", "LoRA")


def save(store: Warehouse, work: Unit, content: bytes) -> Made:
    folder = training_folder(store, work)
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(content)
    assert folder.parts[-2:] == ("weights", "u1")  # what the adapter's row names
    return Made({ADAPTERS: []}, files=put_in_place(store, work, [folder / "adapter_model.safetensors"]))


def test_a_first_training_is_made_in_its_place_and_one_again_is_put_there_when_it_is_whole(tmp_path):
    store = Warehouse(tmp_path)
    store.prepare()
    land_once(store, WORK, lambda: save(store, WORK, b"one"))
    seen = []
    again = replace(WORK, is_again=True)

    def train_again() -> Made:
        folder = training_folder(store, again)
        seen.append((store.root / "weights" / "u1" / "adapter_model.safetensors").read_bytes())
        assert store.is_landed("u1")
        made = save(store, again, b"two")
        assert store.commit("u1") is None  # between the two no commit vouches for either
        assert not folder.exists()
        return made

    land_once(store, again, train_again)

    assert seen == [b"one"]
    assert store.verify() == []
    assert [part.file for part in store.commit("u1").parts if part.table is None] == ["weights/u1/adapter_model.safetensors"]
    assert (store.root / "weights" / "u1" / "adapter_model.safetensors").read_bytes() == b"two"
