"""Arguments of ``tunehouse up`` -> what its server and workers are started with: addresses, database, environment, deployments file.

Nothing of the user's own Prefect is read or written: every process gets a ``PREFECT_HOME`` below the server's folder, and of the caller's
``PREFECT_*`` variables only those that are about a server. Secrets (the auth string, a database password) stay in the environment.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from warehouse.errors import ConfigError
from warehouse.store import write_atomically

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = ".prefect-server"
SETTINGS = "settings.json"
AUTH = "PREFECT_SERVER_API_AUTH_STRING"
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
KEPT = ("PREFECT_SERVER_", "PREFECT_LOGGING_", "PREFECT_WORKER_", "PREFECT_RUNNER_")
HEARTBEAT_SECONDS = 30
MAY_BE_PATHS = (("train", "base_model"), ("embed", "model"), ("chunk", "tokenizer"))
PREFERRED: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",  # V2 calls home even with analytics off
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    # the recorder of task runs writes one row at a time otherwise, and lags minutes behind
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "flows,tasks,warehouse",  # what we log stands on the flow run's page
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a later ``up`` needs to know to start the same server again; holds no secret."""

    host: str = "127.0.0.1"
    port: int = 4200
    database: str = ""
    """SQLAlchemy URL without its password; empty: SQLite in the server's folder."""
    is_database_from_environment: bool = False
    has_auth: bool = False

    @property
    def url(self) -> str:
        """Where the server answers from this machine."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  # compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def settle(home: Path, host: str | None, port: int | None, database: str | None) -> Settings:
    """The settings asked for; what was not asked for is as it was at the last ``up``.

    Raises:
        ConfigError: the address is open to others without an auth string, a password would be seen by all, or a secret is missing.
    """
    path = home / SETTINGS
    known = known_settings(home) or Settings()
    from_environment = os.environ.get(DATABASE, "")
    chosen = replace(known, host=host or known.host, port=port or known.port, database=known.database if database is None else database)
    if database is not None:
        _refuse_password(database)
        chosen = replace(chosen, is_database_from_environment=False)
    elif from_environment:
        chosen = replace(chosen, database=_without_password(from_environment), is_database_from_environment=True)
    elif known.is_database_from_environment:
        raise ConfigError(
            f"{DATABASE} was set at the last `tunehouse up` and is not now", where=str(path), mend="set it again, or name --database-url"
        )
    has_auth = bool(os.environ.get(AUTH))
    if known.has_auth and not has_auth:
        raise ConfigError(
            f"{AUTH} was set at the last `tunehouse up` and is not now", where=str(path), mend="set it again: the server would stand open"
        )
    if not has_auth and not _is_loopback(chosen.host):
        raise ConfigError(
            f"{chosen.host} can be reached by others, who could run code here",
            where="--host",
            mend=f"set {AUTH}=user:long-password in the environment, or stay with 127.0.0.1 and reach it through ssh -L",
        )
    return replace(chosen, has_auth=has_auth)


def known_settings(home: Path) -> Settings | None:
    """What the last ``up`` from this folder was asked for; None where there was none."""
    path = home / SETTINGS
    return Settings(**json.loads(path.read_bytes())) if path.exists() else None


def keep(home: Path, settings: Settings) -> None:
    """Write the settings down for the next ``up``."""
    write_atomically(home / SETTINGS, json.dumps(asdict(settings), indent=1).encode())


def environment(home: Path, settings: Settings, role: str) -> dict[str, str]:
    """What a process of the server's folder is started with. ``role``: its name; each has a Prefect home of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_") or name.startswith(KEPT)}
    chosen = dict(PREFERRED) | own | {
        "PREFECT_HOME": str(home / role),
        "PREFECT_API_URL": f"{settings.url}/api",
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_API_HOST": settings.host,
        "PREFECT_SERVER_API_PORT": str(settings.port),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": settings.url,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "TUNEHOUSE_CHECKOUT": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
        "OMP_WAIT_POLICY": own.get("OMP_WAIT_POLICY", "PASSIVE"),
    }  # fmt: skip
    if settings.database and not settings.is_database_from_environment:
        chosen[DATABASE] = settings.database
    if role != "server":
        for name in (DATABASE, AUTH):  # workers speak to the server, never to its database
            chosen.pop(name, None)
        if settings.has_auth:
            chosen["PREFECT_API_AUTH_STRING"] = os.environ[AUTH]
    return chosen


def run_settings(home: Path, warehouse: Path, sources: Sequence[str], file: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    """What the deployments' settings differ in from the defaults, paths absolute; nothing asked for: as at the last ``up``.

    Raises:
        ConfigError: a setting is unknown or out of bounds.
    """
    from flows.run_config import load_config

    known = home / "config.json"
    if not (sources or file or overrides) and known.exists():
        return dict(json.loads(known.read_bytes()))
    config = load_config(file, overrides, sources=tuple(sources) or None, warehouse=str(warehouse))
    chosen = config.model_dump(mode="json", exclude_unset=True)
    chosen["sources"] = [str(Path(source).resolve()) for source in config.sources]
    chosen["warehouse"] = str(warehouse.resolve())
    for stage, field in MAY_BE_PATHS:
        value = chosen.get(stage, {}).get(field)
        if value and Path(value).exists():
            chosen[stage][field] = str(Path(value).resolve())
    write_atomically(known, json.dumps(chosen, indent=1).encode())
    return chosen


def merged(base: Any, over: Any) -> Any:
    """Two trees of settings as one; ``over`` goes first."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {name: merged(base.get(name), value) for name, value in over.items()}
    return over


def deployments(template: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """``deployments/prefect.yaml`` with the settings of this ``up``; schedules rest until there are sources to work on."""
    listed = []
    for entry in template["deployments"]:
        parameters = dict(entry.get("parameters", {}))
        if "config" in parameters:
            parameters["config"] = merged(parameters["config"], config)
        if "warehouse" in parameters:
            parameters["warehouse"] = config["warehouse"]
        filled = dict(entry) | {"parameters": parameters}
        if "schedules" in entry and not config.get("sources"):
            filled["schedules"] = [plan | {"active": False} for plan in entry["schedules"]]
        listed.append(filled)
    return dict(template) | {"deployments": listed}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=user + place))


def _refuse_password(url: str) -> None:
    if urlsplit(url).password:
        raise ConfigError(
            "a password on the command line can be read by everyone on this machine",
            where="--database-url",
            mend=f"put the whole URL into {DATABASE}, or the password into PGPASSWORD or ~/.pgpass",
        )
