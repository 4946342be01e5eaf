"""The documentation site, built by `make docs`: Markdown pages, and a reference made from docstrings."""

from importlib import metadata

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
