"""Errors: the tree as drawn, and messages that hold the mend."""

import inspect
import re

import pytest

from headstart import errors
from headstart.errors import HeadstartError

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, Exception)
}


def drawn():
    """The tree in the docstring: class name -> other base in parentheses."""
    lines = re.findall(r"(?:├── |└── |^ {4})(\w+)(?:\((\w+)\))? ", errors.__doc__, re.MULTILINE)
    return dict(lines)


def test_the_drawing_is_the_tree():
    assert set(drawn()) == set(CLASSES)
    assert len(CLASSES) >= 7
    for name, other in drawn().items():
        bases = [base.__name__ for base in CLASSES[name].__bases__]
        if name == "HeadstartError":
            assert bases == ["Exception"]
        else:
            assert bases == ["HeadstartError", *([other] if other else [])]


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_says_what_is_wrong_and_how_to_mend_it(name):
    error = CLASSES[name]("3 files are damaged.", "Re-export them.")
    assert str(error) == "3 files are damaged. Re-export them."
    assert (error.message, error.hint) == ("3 files are damaged.", "Re-export them.")
    assert str(CLASSES[name]("3 files are damaged.")) == "3 files are damaged."
    assert CLASSES[name].__doc__
    with pytest.raises(HeadstartError):
        raise error


def test_usual_handlers_catch_them_too():
    for name, usual in (
        ("DataError", ValueError),
        ("ConfigError", ValueError),
        ("UnknownNameError", LookupError),
        ("MissingExtraError", ImportError),
    ):
        with pytest.raises(usual):
            raise CLASSES[name]("no")
