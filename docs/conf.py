"""The documentation site, built by `make docs`: Markdown pages, and a reference made from docstrings."""

import logging
from importlib import import_module, metadata
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

logging.getLogger("alembic").setLevel(logging.WARNING)  # whose plugins speak when they are loaded

project = "emoney"
author = project_copyright = "The emoney developers"
release = metadata.version("emoney")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"emoney {release}"

myst_heading_anchors = 3

default_role = "code"  # docstrings mark code by single backticks
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}

PUBLIC = ("emoney", "emoney.ledger", "emoney.kyc", "emoney.privacy", "emoney.aml", "emoney.ledger.transfers")

for package in PUBLIC:  # names that are loaded when they are asked for: autodoc lists what is there
    module = import_module(package)
    vars(module).update({name: getattr(module, name) for name in module.__all__})


def demand_every_public_name(app: Sphinx, _: Exception | None) -> None:
    """A warning, which fails the build, for each public class or function that the reference lacks."""
    shown: dict[str, Any] = app.env.get_domain("py").data["objects"]
    for package in PUBLIC:
        module = import_module(package)
        for name in module.__all__:
            if callable(getattr(module, name)) and f"{package}.{name}" not in shown:
                getLogger(__name__).warning("%s.%s is public and not in the reference", package, name)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("build-finished", demand_every_public_name)
