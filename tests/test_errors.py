"""The exception family."""

from __future__ import annotations

import json

import pytest

from archcast import errors
from archcast.errors import ArchcastError, MissingDependencyError, require

BUILT_IN = {
    "InvalidInputError": ValueError,
    "UnknownNameError": ValueError,
    "MissingEvidenceError": ValueError,
    "InvalidFileError": ValueError,
    "DataNotFoundError": FileNotFoundError,
    "DivergedError": FloatingPointError,
    "MissingDependencyError": ImportError,
}


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"require", "short", "ArchcastError"}))
def test_every_error_belongs_to_the_family(name):
    error = getattr(errors, name)
    assert issubclass(error, ArchcastError)
    assert issubclass(error, BUILT_IN[name])
    assert str(error("what is wrong")) == "what is wrong"


def test_require_imports():
    assert require("json", extra="none", feature="A test") is json


def test_require_names_the_extra():
    with pytest.raises(MissingDependencyError) as caught:
        require("no_such_package", extra="lightgbm", feature="The predictor 'lightgbm'")
    message = str(caught.value)
    assert message.startswith("The predictor 'lightgbm' needs the package 'no_such_package'")
    assert message.endswith("Install it with: pip install 'archcast[lightgbm]'")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
