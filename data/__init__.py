"""Data that ships with the library: policy packs, scenario parameters, the assessment's knowledge base.

Numbers live here, dated and sourced, never in code.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times as fast where the library's own parser is there, which it is in all its wheels."""


def folder(name: str) -> Traversable:
    """The folder `name` of the shipped data, wherever the library is installed."""
    return files(__name__) / name


def read_yaml(*path: str) -> Any:
    """The content of a shipped YAML file, e.g. `read_yaml("policies", "gh-bog-2024.yaml")`."""
    text = files(__name__).joinpath(*path).read_text(encoding="utf-8")
    return yaml.load(text, SafeLoader)  # noqa: S506  # a safe loader
