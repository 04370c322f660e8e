"""The contract of methods: the table, what each takes, and what it needs of a backbone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.backbones import Ref
from headstart.errors import BackboneError, ConfigError
from headstart.methods import METHODS, method_of, refuse_unfit
from headstart.prepare.config import METHOD_NAMES as NAMED
from headstart.prepare.config import configure
from headstart.testing import check_method
from headstart.transfer.recipe import NAMES

OPTIONS = {"keep": "l2-sp", "unfreeze": "last-stage", "epochs": 3}


def test_every_method_that_can_be_named_is_there_by_its_name() -> None:
    assert set(METHODS.names()) == set(NAMED)
    for record in METHODS:
        method = record.factory()
        assert method.name == record.name
        check_method(method)


@pytest.mark.parametrize("name", NAMED)
def test_a_method_takes_what_the_configuration_lets_through(name: str) -> None:
    budget = 60.0 if name == "auto" else None
    method = method_of(configure("photos", {"method": name, "budget": budget}))
    assert method.takes <= set(NAMES)
    for option, value in OPTIONS.items():
        options = {"method": name, "budget": budget, option: value}
        if option in method.takes:
            configure("photos", options)
        else:
            with pytest.raises(ConfigError, match=f"--{option}"):
                configure("photos", options)


def test_auto_without_a_budget_trains_no_network() -> None:
    assert method_of(configure("photos", {})).name == "auto"
    assert method_of(configure("photos", {}), backbone_was_picked=True).name == "probe"
    assert method_of(configure("photos", {"budget": 60.0})).name == "auto"


def test_a_backbone_without_blocks_is_for_methods_that_need_none() -> None:
    card = replace(Ref("timm", "test_resnet", seed=0).load().card, layers=())
    for record in METHODS:
        method = record.factory()
        if method.needs_blocks:
            with pytest.raises(BackboneError, match=f"--method {record.name} works on single"):
                refuse_unfit(method, card)
        else:
            refuse_unfit(method, card)
