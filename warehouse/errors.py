"""What stops a run: every error says what is wrong, where, and how to mend it."""

from __future__ import annotations


class TunehouseError(Exception):
    """Something only a person can mend. ``where`` names the file, row or setting; ``mend`` says what to do."""

    def __init__(self, what: str, *, where: str, mend: str) -> None:
        super().__init__(f"{what}\n  where: {where}\n  to mend: {mend}")
        self.what, self.where, self.mend = what, where, mend

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword arguments survive pickling, as process pools and task runners need."""
        return _rebuild, (type(self), self.what, self.where, self.mend)


def _rebuild(kind: type[TunehouseError], what: str, where: str, mend: str) -> TunehouseError:
    return kind(what, where=where, mend=mend)


def plainly(error: Exception) -> str:
    """What went wrong; of a file that the system refuses, without its number and the name, which stands beside it."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


class ConfigError(TunehouseError, ValueError):
    """A setting is unknown, out of bounds or contradicts another."""


class SchemaError(TunehouseError):
    """A row does not fit its table, or a query names what is not there."""


class UnreadablePdf(TunehouseError):
    """A PDF that cannot be read; becomes a row of ``documents`` with its status, never the end of a run."""


class ProviderError(TunehouseError):
    """A model provider failed for good."""


class MissingPrerequisite(TunehouseError):
    """A model, package or earlier stage that is needed is not there."""


class LeakFound(TunehouseError):
    """Train and a test set share what that set forbids."""


class RetryableUnits(TunehouseError):
    """Some units could not be completed now; a later run asks only for those."""


class GateRefused(TunehouseError):
    """A model that is not what it should be, or has lost what it may not lose: it is not handed out."""
