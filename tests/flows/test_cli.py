import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from flows.cli import COMMANDS, main
from flows.terminal import as_text

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


@pytest.mark.parametrize("command", ["run", "settings"])
def test_a_settings_file_that_cannot_be_read_is_named_and_the_system_says_why_in_words(command, tmp_path, capsys):
    broken = tmp_path / "broken.yaml"
    broken.write_text("chunk: [1, 2")
    for path, why in ((tmp_path / "none.yaml", "No such file or directory"), (tmp_path, "Is a directory"), (broken, "line 1, column")):
        assert main([command, "--config", str(path)]) == 1
        said = capsys.readouterr().err
        assert why in said
        assert str(path) in said
        assert "Errno" not in said
        assert "<unicode string>" not in said


def test_sources_that_a_settings_file_names_elsewhere_say_which_folder_they_were_looked_for_in(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["run", "--config", str(ROOT / "deployments" / "demo" / "run.yaml")]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert "deployments/demo/papers" in said


def test_a_bad_setting_is_named_before_anything_starts(tmp_path):
    done = tunehouse("run", str(tmp_path), "--warehouse", str(tmp_path / "data"), "--set", "chunk.colour=red")

    assert done.returncode == 1
    assert "chunk.colour" in done.stderr
    assert not (tmp_path / "data" / "commits").exists()


def test_a_table_without_rows_says_so():
    assert "(0 rows)" in as_text(pa.table({"n": pa.array([], pa.int64())}))
    assert "rows" not in as_text(pa.table({"n": [1]}))


def test_settings_are_printed_as_the_yaml_that_config_takes(tmp_path, capsys):
    assert main(["settings", "--set", "train.rank=7"]) == 0
    path = tmp_path / "run.yaml"
    path.write_text(capsys.readouterr().out)
    assert main(["settings", "--config", str(path)]) == 0
    assert "rank: 7" in capsys.readouterr().out
