"""Model names -> the family they are of: a model should not mark the work of its own family (perplexity familiarity, arXiv:2410.21819)."""

from __future__ import annotations

import re

FAMILIES: dict[str, tuple[str, ...]] = {
    "gpt": ("gpt", "chatgpt", "o1", "o3", "o4", "davinci"),
    "claude": ("claude",),
    "gemini": ("gemini", "gemma", "palm"),
    "llama": ("llama", "codellama", "vicuna", "alpaca", "tulu", "nemotron"),
    "qwen": ("qwen", "qwq", "qvq"),
    "mistral": ("mistral", "mixtral", "ministral", "codestral", "magistral", "devstral", "zephyr", "openhermes"),
    "deepseek": ("deepseek",),
    "phi": ("phi", "orca"),
    "command": ("command", "aya", "c4ai"),
    "granite": ("granite",),
    "yi": ("yi",),
    "falcon": ("falcon",),
    "olmo": ("olmo",),
    "smollm": ("smollm",),
    "glm": ("glm", "chatglm"),
    "internlm": ("internlm",),
    "grok": ("grok",),
    "kimi": ("kimi", "moonlight"),
    "minimax": ("minimax",),
    "pythia": ("pythia", "neox"),
}
"""Family -> how the words of its members' names begin."""


def family(model: str) -> str:
    """The family of ``provider/model``: ``openai/qwen2.5-7b-instruct`` -> ``qwen``; for a name that says nothing, the name itself.

    The provider and the folder before the last slash are not looked at: ``openai/`` says how the model is reached, not what it is.
    A distilled model is of the family whose weights it has: the one that its name ends with.
    """
    name = model.rstrip("/").rpartition("/")[2].casefold()
    found = [
        (match.start(), of)
        for of, members in FAMILIES.items()
        for member in members
        for match in re.finditer(rf"(?<![a-z0-9]){re.escape(member)}(?![a-z])", name)
    ]
    return max(found)[1] if found else name


def same_family(one: str, other: str) -> bool:
    """True when both models are of one family, as far as their names tell."""
    return family(one) == family(other)
