"""What several runs send to one endpoint together: as much as the server's limit for it allows, and the next waits."""

import threading
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import replace

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

from flows.endpoint_limits import holding_slots, limit_name
from tasks.providers.base import ModelParams
from warehouse.errors import ConfigError

HERE = ModelParams(model="openai/m", base_url="http://gpu-box:8000/v1", max_concurrency=8)


@pytest.fixture
def limit(prefect_server) -> Iterator[str]:
    name = limit_name(HERE)
    with get_client(sync_client=True) as client:
        made = client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=12))
    yield name
    with get_client(sync_client=True) as client:
        client.delete_global_concurrency_limit_by_name(name)
    assert made


def slots_held(name: str) -> int:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(name).active_slots


def test_the_slots_are_held_while_the_endpoint_is_asked_and_given_back_also_after_an_error(limit):
    def ask() -> None:
        with holding_slots([HERE, replace(HERE, model="openai/other", max_concurrency=3)]):
            assert slots_held(limit) == 8
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        ask()
    assert slots_held(limit) == 0


def test_a_second_run_waits_until_enough_slots_are_free(limit):
    began, both = threading.Event(), threading.Event()

    def second() -> None:
        began.set()
        with holding_slots([HERE]):
            both.set()

    thread = threading.Thread(target=copy_context().run, args=(second,))
    with holding_slots([HERE]):
        thread.start()
        assert began.wait(5)
        assert not both.wait(3)
    assert both.wait(60)
    thread.join(60)
    assert slots_held(limit) == 0


def test_more_than_the_limit_allows_in_all_is_refused_and_another_endpoint_waits_for_nothing(limit):
    with pytest.raises(ConfigError, match="allows 12"), holding_slots([replace(HERE, max_concurrency=13)]):
        pass
    with holding_slots([replace(HERE, base_url="http://elsewhere/v1", max_concurrency=99)]):
        assert slots_held(limit) == 0
