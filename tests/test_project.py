"""The project as a newcomer meets it: what is pinned installs and starts, and the documents tell the truth."""

import importlib.metadata
import re
import subprocess
import sysconfig
from pathlib import Path

from warehouse.dictionary import README, data_dictionary

ROOT = Path(__file__).parents[1]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_the_pinned_prefect_server_can_be_imported():
    # with fastapi 0.165 this raises TypeError, though pip finds nothing wrong
    import prefect.server.api.server

    assert prefect.server.api.server.create_app


def test_every_installed_dependency_is_pinned():
    wanted, seen = ["tunehouse"], set()
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in seen:
            continue
        # looked for where pip installs: setuptools, once imported, shows copies of its own beside
        found = next(iter(importlib.metadata.distributions(name=name, path=[sysconfig.get_path("purelib")])), None)
        if found is None:
            continue  # an extra, or for another platform
        requires = found.requires or []
        seen.add(name)
        wanted += [re.match(r"[\w.-]+", line).group() for line in requires if "extra ==" not in line]
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in pins()}

    assert seen - pinned - {"tunehouse", "pip", "setuptools", "wheel"} == set()


def test_torch_is_pinned_without_a_local_build():
    assert pins()["torch"] == "2.13.0"


def test_fastapi_is_held_below_the_version_that_breaks_prefect():
    assert tuple(int(part) for part in pins()["fastapi"].split(".")[:2]) < (0, 151)


def test_sqlalchemy_is_held_below_the_version_with_which_no_schedule_fires():
    assert tuple(int(part) for part in pins()["SQLAlchemy"].split(".")[:2]) < (2, 1)


def test_the_data_dictionary_is_current():
    assert README.read_text(encoding="utf-8") == data_dictionary(), "run `make docs`"


def test_the_readme_names_every_command():
    from flows.cli import COMMANDS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [command for command in COMMANDS if f"tunehouse {command}" not in readme] == []


def test_no_path_of_this_machine_is_in_the_project():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    here = [f"{place}/".encode() for place in (ROOT, Path.home())]

    found = [name for name in listed if (ROOT / name).is_file() and any(place in (ROOT / name).read_bytes() for place in here)]

    assert found == []
