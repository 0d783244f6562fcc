"""The site: ``sphinx-build -W docs site`` (extra: ``archcast[docs]``)."""

import archcast

project = "archcast"
author = "The archcast developers"
copyright = "The archcast developers, Apache-2.0"
version = release = archcast.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = "archcast"
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are stored with their output; tools/run_notebooks.py executes them

autosummary_generate = True
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
napoleon_use_rtype = False
suppress_warnings = [
    "myst.xref_missing",
    "ref.python",
    "ref.term",
    "ref.ref",
    "autosummary",
]  # links of pages to files of the repository
