"""Recommendations that read: recall, ranking and re-ranking with a language model at every stage.

Names are imported when they are first used (PEP 562): `import tfrec` costs nothing, TensorFlow comes with the first
model.
"""

import os
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# TFRS needs `tf.keras` to be Keras 2, and tensorflow_text touches `tf.keras` when it is imported: whichever of the
# names below comes first, the switch must have been set before.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

_HOMES = {
    "Config": "tfrec.config",
    "load_config": "tfrec.config",
    "Dataset": "tfrec.data.dataset",
    "load_dataset": "tfrec.data.dataset",
    "make_dataset": "tfrec.data.dataset",
    "histories": "tfrec.data.histories",
    "split": "tfrec.data.splits",
    "learn_content": "tfrec.data.item_content",
    "next_item_batches": "tfrec.data.pipeline",
    "TextEncoder": "tfrec.text.encoder",
    "encode_cached": "tfrec.text.cache",
    "CandidateTower": "tfrec.retrieval.candidate_tower",
    "QueryTower": "tfrec.retrieval.query_tower",
    "TwoTower": "tfrec.retrieval.two_tower",
    "FullCatalogueNdcg": "tfrec.retrieval.validation",
    "Retriever": "tfrec.retrieval.retriever",
    "PairFeatures": "tfrec.ranking.features",
    "build_pair_features": "tfrec.ranking.fit",
    "make_lists": "tfrec.ranking.lists",
    "moments_of": "tfrec.data.moments",
    "Ranker": "tfrec.ranking.ranker",
    "make_loss": "tfrec.ranking.losses",
    "maximal_marginal_relevance": "tfrec.reranking.diversity",
    "train": "tfrec.training",
    "Run": "tfrec.run",
    "Funnel": "tfrec.funnel",
    "evaluate": "tfrec.evaluation.evaluate",
    "export_run": "tfrec.export",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tfrec' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
