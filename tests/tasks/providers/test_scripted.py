"""The scripted endpoint, in this process by a rules file and in its own by the command line."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tasks.providers import provider_for
from tasks.providers.base import Message, ModelParams
from tasks.providers.scripted import load_rules, open_provider
from warehouse.errors import ConfigError

ROOT = Path(__file__).parents[3]
RULES = """
rules:
  - match: quality of [A-Z]
    times: 1
    fault: 429
  - match: torque
    reply: {answer: 42 Nm}
  - match: cut
    reply: cut of
    finish_reason: length
  - match: always
    fault: 500
  - reply: I do not know.
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_the_first_rule_that_fits_answers(rules):
    params = ModelParams(model=f"scripted/{rules}", backoff_seconds=0.01, max_attempts=2)
    provider = open_provider(params)
    said = lambda text: provider.submit((Message("user", "torque"), Message("user", text)), params)  # noqa: E731

    assert json.loads(said("Which torque?").result(10).text) == {"answer": "42 Nm"}
    assert said("anything").result(10).text == "I do not know."
    assert said("the quality of Alpha").result(10).n_attempts == 2
    assert said("the quality of Alpha").result(10).n_attempts == 1
    assert said("cut").exception(10).reason == "truncated"
    assert said("always").exception(10).reason == "unavailable"
    provider.server.heal()
    assert said("always").result(10).text == "I do not know."
    provider.close()


def test_each_rules_file_is_a_provider_of_its_own(rules, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("rules: [{reply: other}]")

    first, again, second = (provider_for(ModelParams(model=f"scripted/{path}")) for path in (rules, rules, other))

    assert first is again is not second


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- just\n- a list", "not a rules file"),
        ("rules: []\nmore: 1", "not a rules file"),
        ("rules: [{match: x}]", "`reply` or `fault`"),
        ("rules: [{reply: x, fault: 500}]", "`reply` or `fault`"),
        ("rules: [{replay: x}]", "`reply` or `fault`"),
        ("rules: [{fault: no such}]", "no fault 'no such'"),
        ("rules: [{match: '(', reply: x}]", "not a regular expression"),
        ("rules: [", "no rules to be read"),
    ],
)
def test_a_rules_file_that_says_what_no_rule_may_is_refused(text, says, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=says):
        load_rules(path)


def test_a_missing_rules_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        open_provider(ModelParams(model=f"scripted/{tmp_path / 'gone.yaml'}"))


def call(url: str, body: Any = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_server_of_its_own_fails_until_it_is_told_to_heal(rules):
    command = [sys.executable, "-m", "tasks.providers.scripted_server", "--file", str(rules)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            base_url = child.stdout.readline().strip()
            root = base_url.removesuffix("/v1")
            chat = {"model": "m", "messages": [{"role": "user", "content": "always"}]}

            assert call(f"{base_url}/models")[1]["data"][0]["id"] == "scripted"
            assert call(f"{base_url}/chat/completions", chat)[0] == 500
            assert call(f"{root}/heal", {}) == (200, {"is_healed": True})
            status, reply = call(f"{base_url}/chat/completions", chat)
            assert (status, reply["choices"][0]["message"]["content"]) == (200, "I do not know.")
            assert call(f"{root}/count")[1] == {"n_requests": 2, "n_open": 0, "max_open": 1, "is_healed": True}
            assert [one["request"] for one in call(f"{root}/log")[1]] == [chat, chat]
            assert call(f"{root}/elsewhere")[0] == 404
        finally:
            child.terminate()
