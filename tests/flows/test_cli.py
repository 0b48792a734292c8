import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]


def tunehouse(*words, cwd=None):
    return subprocess.run([sys.executable, "-m", "flows.cli", *words], capture_output=True, text=True, cwd=cwd or ROOT, check=False)


def test_help_names_every_command():
    done = tunehouse("--help")

    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


@pytest.mark.parametrize("command", ["sql", "check", "report", "status"])
def test_without_a_warehouse_the_error_says_how_to_make_one(command, tmp_path, capsys):
    words = [command, "--warehouse", str(tmp_path / "none"), *(["win_rate"] if command == "sql" else [])]

    assert main(words) == 1
    said = capsys.readouterr().err
    assert "tunehouse run" in said
    assert "Traceback" not in said


def test_a_missing_folder_is_named_without_a_traceback(tmp_path):
    done = tunehouse("run", str(tmp_path / "nowhere"), "--warehouse", str(tmp_path / "data"))

    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_is_named_before_anything_starts(tmp_path):
    done = tunehouse("run", str(tmp_path), "--warehouse", str(tmp_path / "data"), "--set", "chunk.colour=red")

    assert done.returncode == 1
    assert "chunk.colour" in done.stderr
    assert not (tmp_path / "data" / "commits").exists()


def test_settings_are_printed_as_the_yaml_that_config_takes(tmp_path, capsys):
    assert main(["settings", "--set", "train.rank=7"]) == 0
    path = tmp_path / "run.yaml"
    path.write_text(capsys.readouterr().out)
    assert main(["settings", "--config", str(path)]) == 0
    assert "rank: 7" in capsys.readouterr().out
