import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tasks import progress
from tasks.train_command import RESULT, main, read_job
from tasks.train_params import TrainParams
from warehouse.errors import ConfigError

ROOT = Path(__file__).parents[2]
PAIRS = [{"question": f"What is the code of part {n}?", "answer": f"The code is {n * 37 % 101}."} for n in range(20)]
QUICK = {"rank": 8, "alpha": 16, "learning_rate": 0.01, "epochs": 4, "tokens_per_step": 256, "dropout": 0.1, "n_threads": 1}


@pytest.fixture
def write_job(tmp_path, tiny_llama):
    def write(name: str, **train: object) -> Path:
        (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in PAIRS), encoding="utf-8")
        (tmp_path / "held_out.jsonl").write_text("\n".join(json.dumps(row) for row in PAIRS[:3]) + "\n\n", encoding="utf-8")
        settings = {
            "pairs": str(tmp_path / "pairs.jsonl"),
            "validation": str(tmp_path / "held_out.jsonl"),
            "out": str(tmp_path / name),
            "train": {"base_model": str(tiny_llama), **QUICK, **train},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        return tmp_path / f"{name}.yaml"

    return write


def result(settings: Path) -> dict[str, dict[str, object]]:
    return json.loads((Path(yaml.safe_load(settings.read_text())["out"]) / RESULT).read_text())


def test_a_settings_file_is_all_that_is_needed(write_job, tmp_path):
    settings = write_job("a")

    assert main(["--settings", str(settings)]) == 0

    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", RESULT,
    ]  # fmt: skip
    made = result(settings)
    assert made["adapter"]["is_live"]
    assert made["run"]["n_train"] == 20
    assert made["run"]["n_validation"] == 3
    assert made["run"]["stopped"] == "epochs"
    assert made["run"]["useful_flop"] > 0


def test_what_stands_is_not_trained_again_and_what_is_damaged_or_asked_for_otherwise_is(write_job, tmp_path):
    settings = write_job("a", max_steps=2)
    steps = []
    with progress.listening(lambda _label, n_done, _total, _note: steps.append(n_done)):
        assert main(["--settings", str(settings)]) == 0
        assert main(["--settings", str(settings)]) == 0
        assert steps == [1, 2]
        weights = tmp_path / "a" / "adapter_model.safetensors"
        whole = weights.read_bytes()
        weights.write_bytes(whole[:-1] + b"\x01")
        assert main(["--settings", str(settings)]) == 0
        assert weights.read_bytes() == whole
        assert main(["--settings", str(write_job("a", max_steps=3))]) == 0

    assert steps == [1, 2, 1, 2, 1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_exits_and_the_same_command_goes_on_to_the_same_bits(write_job, number):
    straight, cut = write_job("straight"), write_job("cut")
    assert main(["--settings", str(straight)]) == 0

    def kill_at_3(_label: str, n_done: int, _total: int, _note: str) -> None:
        if n_done == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with progress.listening(kill_at_3):
        assert main(["--settings", str(cut)]) == 128 + number
    assert signal.getsignal(number) == before
    steps = []
    with progress.listening(lambda _label, n_done, _total, _note: steps.append(n_done)):
        assert main(["--settings", str(cut)]) == 0

    assert steps[0] == 4
    assert result(cut)["run"]["n_resumes"] == 1
    assert result(cut)["adapter"]["sha256"] == result(straight)["adapter"]["sha256"]


def test_progress_tells_the_loss_and_the_time_left(write_job):
    notes = []
    with progress.listening(lambda _label, _done, _total, note: notes.append(note)):
        assert main(["--settings", str(write_job("a", max_steps=3))]) == 0

    assert notes[0].startswith("loss ")
    assert "left" not in notes[0]
    assert notes[1].endswith(" s left")


def test_a_preflight_trains_nothing(write_job, tmp_path, caplog):
    with caplog.at_level("INFO"):
        assert main(["--settings", str(write_job("a")), "--preflight"]) == 0

    assert "trained" in caplog.text
    assert "GiB" in caplog.text
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"pairs": None}, "pairs or out is missing"),
        ({"pairs": "none.jsonl"}, "none.jsonl"),
        ({"outt": "x"}, "unknown: outt"),
        ({"train": {"rnak": 8}}, "unknown settings: rnak"),
        ({"train": {"rank": 0}}, "train.rank"),
    ],
)
def test_faults_of_the_file_are_named(write_job, change, named):
    settings = write_job("a")
    settings.write_text(yaml.safe_dump(yaml.safe_load(settings.read_text()) | change))

    with pytest.raises(ConfigError, match=named):
        read_job(settings)


def test_a_line_that_is_no_pair_is_named_by_its_number(write_job, tmp_path):
    settings = write_job("a")
    (tmp_path / "pairs.jsonl").write_text('{"question": "q", "answer": "a"}\n{"question": "q"}\n')

    with pytest.raises(ConfigError, match=r"line 2"):
        read_job(settings)


def test_a_fault_is_an_exit_code_and_a_message_without_a_traceback(write_job, caplog):
    assert main(["--settings", str(write_job("a", base_model="./none"))]) == 1
    assert "there is no model folder ./none" in caplog.text


def test_lists_in_the_file_become_what_the_settings_take(write_job):
    job = read_job(write_job("a", target_modules=["q_proj", "v_proj"], adam_betas=[0.9, 0.95]))

    assert isinstance(job.params, TrainParams)
    assert job.params.target_modules == ("q_proj", "v_proj")
    assert job.params.adam_betas == (0.9, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_two_processes_learn_as_one_does(write_job, dropout):
    one, two = (write_job(name, dropout=dropout, dtype="float32", max_steps=6) for name in ("one", "two"))
    assert main(["--settings", str(one)]) == 0

    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(29600 + os.getpid() % 300)]
    done = subprocess.run(
        [*command, "-m", "tasks.train", "--settings", str(two)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert done.returncode == 0, done.stderr[-2000:]
    alone, together = result(one), result(two)
    assert (alone["run"]["n_processes"], together["run"]["n_processes"]) == (1, 2)
    losses = [[row["loss"] for row in made["steps"]] for made in (alone, together)]
    if dropout:  # each process draws its own
        assert losses[1][-1] < losses[1][0]
    else:
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)
        assert together["run"]["validation_loss"] == pytest.approx(alone["run"]["validation_loss"], rel=1e-4)
    assert together["run"]["n_tokens"] == alone["run"]["n_tokens"]
