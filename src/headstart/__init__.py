"""headstart: transfer learning that shows its work.

>>> import headstart as hs                      # doctest: +SKIP
>>> run = hs.train("photos/")                   # doctest: +SKIP
>>> run.predict("new/cat.jpg")[0].predicted     # doctest: +SKIP
'cat'

The names below are the public surface; modules inside may move. Importing headstart imports
neither torch nor timm: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headstart._version import __version__

if TYPE_CHECKING:
    from headstart.errors import (
        ArtifactError,
        BackboneError,
        ConfigError,
        DataError,
        HeadstartError,
        MissingExtraError,
        UnknownNameError,
    )
    from headstart.estimators import TransferClassifier
    from headstart.events import Event
    from headstart.exports.handover import export, verify
    from headstart.exports.pull import pull
    from headstart.exports.push import push
    from headstart.identification import Compared, Identified, IdentifyRun
    from headstart.item_recommender import ItemRecommender
    from headstart.jobs.adapt.adapt import adapt
    from headstart.jobs.check import check
    from headstart.jobs.curve import curve
    from headstart.jobs.keywords import keywords
    from headstart.jobs.layers import layers
    from headstart.jobs.rank import rank
    from headstart.jobs.recommend import recommend
    from headstart.jobs.train import train
    from headstart.jobs.translate import translate
    from headstart.keyword_run import KeywordRun
    from headstart.opening import load
    from headstart.recommendation import RecommendRun
    from headstart.run import Prediction, Run
    from headstart.speaking import speak
    from headstart.tag_run import TagRun
    from headstart.translation_run import TranslateRun

_HOME = {
    "ArtifactError": "errors",
    "BackboneError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "Event": "events",
    "HeadstartError": "errors",
    "Compared": "identification",
    "Identified": "identification",
    "IdentifyRun": "identification",
    "ItemRecommender": "item_recommender",
    "KeywordRun": "keyword_run",
    "MissingExtraError": "errors",
    "Prediction": "run",
    "RecommendRun": "recommendation",
    "Run": "run",
    "TagRun": "tag_run",
    "TransferClassifier": "estimators",
    "TranslateRun": "translation_run",
    "UnknownNameError": "errors",
    "adapt": "jobs.adapt.adapt",
    "check": "jobs.check",
    "curve": "jobs.curve",
    "export": "exports.handover",
    "keywords": "jobs.keywords",
    "layers": "jobs.layers",
    "load": "opening",
    "pull": "exports.pull",
    "push": "exports.push",
    "rank": "jobs.rank",
    "recommend": "jobs.recommend",
    "speak": "speaking",
    "train": "jobs.train",
    "translate": "jobs.translate",
    "verify": "exports.handover",
}

__all__ = [
    "ArtifactError",
    "BackboneError",
    "Compared",
    "ConfigError",
    "DataError",
    "Event",
    "HeadstartError",
    "Identified",
    "IdentifyRun",
    "ItemRecommender",
    "KeywordRun",
    "MissingExtraError",
    "Prediction",
    "RecommendRun",
    "Run",
    "TagRun",
    "TransferClassifier",
    "TranslateRun",
    "UnknownNameError",
    "__version__",
    "adapt",
    "check",
    "curve",
    "export",
    "keywords",
    "layers",
    "load",
    "pull",
    "push",
    "rank",
    "recommend",
    "speak",
    "train",
    "translate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'headstart' has no attribute {name!r}")
    return getattr(import_module(f"headstart.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
