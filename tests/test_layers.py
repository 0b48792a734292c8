"""Imports point down: flows -> tasks -> warehouse; Prefect stands only where it may; the command line starts fast."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("flows", "tasks", "warehouse")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
HEAVY = {"torch", "transformers", "peft", "sentence_transformers", "pymupdf", "scipy", "rouge_score", "prefect", "pandas", "sklearn"}
MAY_IMPORT_OPENLY = {"tasks/train.py", "tasks/prefect_tasks.py"}


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_down(path):
    layer = path.relative_to(ROOT).parts[0]
    above = LAYERS[: LAYERS.index(layer)]

    wrong = [module for module in imports(path) if module.split(".")[0] in above]

    assert wrong == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name != "flows" and p.name != "prefect_tasks.py"], ids=name)
def test_prefect_stands_only_in_flows_and_prefect_tasks(path):
    assert [module for module in imports(path) if module.split(".")[0] == "prefect"] == []


def test_the_warehouse_reads_no_pdf_and_loads_no_model():
    used = {module.split(".")[0] for path in (ROOT / "warehouse").rglob("*.py") for module in imports(path)}

    assert used & (HEAVY - {"pandas"}) == set()


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("*.py")), ids=name)
def test_no_flow_file_bears_an_installed_modules_name(path):
    if path.stem == "__init__":
        return
    places = [place for place in sys.path if Path(place or ".").resolve() not in (ROOT, ROOT / "flows")]

    found = importlib.machinery.PathFinder.find_spec(path.stem, places)

    assert found is None, f"flows/{path.name} would hide {found.origin}: Prefect puts flows/ first on sys.path"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_files_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    long = [f"{f.name}: {f.end_lineno - f.lineno + 1} lines" for f in functions if f.end_lineno - f.lineno + 1 > 60]

    assert long == []
    assert path.name == "tables.py" or text.count("\n") <= 300


def test_no_pickle_and_no_remote_code_are_let_in():
    forbidden = ("import pickle", "weights_only=False", "trust_remote_code=True", "allow_pickle=True")
    sources = [*MODULES, *(ROOT / "deployments").rglob("*.py")]

    assert [(name(path), text) for path in sources for text in forbidden if text in path.read_text(encoding="utf-8")] == []


def test_help_imports_nothing_heavy():
    code = "import sys, flows.cli; flows.cli.parser(); print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert set(ast.literal_eval(done.stdout)) & (HEAVY | {"duckdb", "pyarrow", "numpy", "pydantic", "yaml", "rich"}) == set()
