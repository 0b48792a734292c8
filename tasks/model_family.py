"""Model names -> the family they are of: a model should not mark the work of its own family (perplexity familiarity, arXiv:2410.21819)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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


def scorer_notice(settings: Mapping[str, Any]) -> str | None:
    """What a reader must know of who marked a model's pairs; None where no model made them, or one of another family marked them.

    ``settings``: a run's, as plain data, such as ``runs.settings`` holds. What an older run's lack counts as not set.
    """
    generate, curate = settings.get("generate", {}), settings.get("curate", {})
    if generate.get("method") != "llm":
        return None
    generator = generate.get("llm", {}).get("model", {}).get("model", "")
    scorer = curate.get("scorer", {}).get("model", {}).get("model", "")
    if not scorer:
        return f"No model marked the pairs that {generator} made (curate.scorer.model): the rules alone decided which are kept."
    if same_family(generator, scorer):
        return (
            f"{scorer} marked the pairs that {generator} made: models of one family ({family(scorer)}) are lenient with each other's texts."
        )
    return None


def judge_notices(settings: Mapping[str, Any]) -> list[str]:
    """What a reader must know of the model that judged: whether it is of the family that wrote the pairs, or that was tuned.

    ``settings``: a run's, as plain data. Empty where no model judged, or one of another family than both.
    """
    judging = settings.get("judge", {})
    on = set(judging.get("judges", ()))
    places = [place for place, judges in (("llm", {"llm", "rubric"}), ("llm_second", {"llm_second"})) if judges & on]
    asked = [judging.get(place, {}).get("model", {}).get("model", "") for place in places]
    notices = [notice for judge in dict.fromkeys(filter(None, asked)) for notice in _judge_notices(judge, settings)]
    if len(asked) > 1 and all(asked) and same_family(*asked):
        notices.append(f"{asked[0]} and {asked[1]} both judged: models of one family ({family(asked[0])}) share their errors.")
    return notices


def _judge_notices(judge: str, settings: Mapping[str, Any]) -> list[str]:
    generate = settings.get("generate", {})
    wrote = generate.get("llm", {}).get("model", {}).get("model", "") if generate.get("method") == "llm" else ""
    others = {"wrote the pairs": wrote, "was tuned": str(settings.get("train", {}).get("base_model", ""))}
    return [
        f"{judge} judged answers, and {other} {what}: models of one family ({family(judge)}) favour each other's texts."
        for what, other in others.items()
        if other and same_family(judge, other)
    ]
