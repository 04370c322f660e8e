"""The names of a run folder's files, each said once; docs/architecture.md explains them."""

from __future__ import annotations

MODEL = "model"
MODEL_JSON, HEAD_FILE, BACKBONE_FILE = "model.json", "head.safetensors", "backbone.safetensors"
METRICS, RUN, SPLIT, PICTURES = "metrics.json", "run.json", "split.json", "pictures.json"
PREDICTIONS, HISTORY, ISSUES = "predictions.csv", "history.csv", "label_issues.csv"
TARGET_PREDICTIONS, TO_LABEL = "target_predictions.csv", "to_label.csv"
PAGE, FIGURES, CARD = "report.html", "figures", "README.md"
STUDIES = ("rank.json", "layers.json", "curve.json")
IDENTITY = "identity.json"
BEHAVIOUR = "behaviour"
"""The modality of runs that recommend: their documents are others, under the same names."""
TENSORS, USERS_FILE, ITEMS_FILE = "behaviour.safetensors", "users.parquet", "items.parquet"
NEW_ITEMS_FILE = "new_items.parquet"
TRANSLATION = "translation"
"""The modality of runs that translate: their documents are others too."""
TRANSLATOR, TRANSLATED = "translator.json", "test"
"""What tells a model that translates, and the folder of what it made of the test's sentences."""
TIMM = ("config.json", "model.safetensors")
"""What ``timm`` reads, at the top of a repository of the hub."""
EXPORT, EXPORTS = "export.json", "export"
"""What lies beside an exported model, and the folder below a run where such models lie."""
