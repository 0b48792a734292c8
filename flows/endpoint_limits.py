"""Models that are asked -> slots of the server's limits, so that runs and workers at the same time share what an endpoint can take.

``max_concurrency`` holds for one process. Where the server has a global concurrency limit ``endpoint-HOST``, a process takes as many of its
slots as it may send requests at once before it sends the first, and gives them back when its stage is done; another waits until they are
free. Slots whose holder was killed are free again after the lease.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from tasks.prefect_tasks import LEASE_SECONDS
from tasks.providers.base import ModelParams
from warehouse.errors import ConfigError

log = logging.getLogger(__name__)


def limit_name(params: ModelParams) -> str:
    """The limit that requests to this model count against."""
    return f"endpoint-{urlsplit(params.base_url).netloc}"


@contextmanager
def holding_slots(models: Iterable[ModelParams]) -> Iterator[None]:
    """Hold what asking ``models`` may take of each endpoint while the block runs. Without such a limit on the server nothing waits.

    Raises:
        ConfigError: ``max_concurrency`` is more than a limit allows in all.
    """
    wanted: dict[str, int] = {}
    for params in models:
        wanted[limit_name(params)] = max(wanted.get(limit_name(params), 0), params.max_concurrency)
    with ExitStack() as held:
        for name, n_slots in sorted(wanted.items()):  # everybody in the same order, so that nobody waits for one who waits for him
            if (most := _limit(name)) is None:
                continue
            if n_slots > most:
                raise ConfigError(
                    f"max_concurrency is {n_slots}, and the server allows {most} requests at once to all who ask there",
                    where=f"limit {name}",
                    mend=f"set max_concurrency to {most} or less, or raise the limit in the UI under Concurrency",
                )
            log.info("taking %s slots of %s", n_slots, name)
            held.enter_context(concurrency(name, occupy=n_slots, lease_duration=LEASE_SECONDS))
        yield


def _limit(name: str) -> int | None:
    try:
        with get_client(sync_client=True) as client:
            found = client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        return None
    return found.limit if found.active else None
