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
TAGGING = "tagging"
"""The same of runs that tag words."""
TAGGER_FILE, HELD_OUT = "tagger.safetensors", "held_out.conll"
TENSORS, USERS_FILE, ITEMS_FILE = "behaviour.safetensors", "users.parquet", "items.parquet"
NEW_ITEMS_FILE = "new_items.parquet"
TIMM = ("config.json", "model.safetensors")
"""What ``timm`` reads, at the top of a repository of the hub."""
EXPORT, EXPORTS = "export.json", "export"
"""What lies beside an exported model, and the folder below a run where such models lie."""
