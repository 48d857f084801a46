"""The public names: what stands here is a promise, so a change to it is a change to this list."""

import subprocess
import sys
from types import ModuleType

import pytest

import tfrec

PUBLIC = {
    "__version__", "CandidateTower", "Config", "Dataset", "FullCatalogueNdcg", "Funnel", "PairFeatures", "QueryTower",
    "Ranker", "Retriever", "Run", "TextEncoder", "TwoTower", "build_pair_features", "encode_cached", "evaluate",
    "export_run",
    "histories", "learn_content", "load_config", "load_dataset", "make_dataset", "make_lists", "make_loss",
    "maximal_marginal_relevance", "moments_of", "next_item_batches", "split", "train",
}  # fmt: skip


def test_exported_names_are_these():
    assert set(tfrec.__all__) == PUBLIC == set(dir(tfrec))


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_name_can_be_had_and_no_submodule_shadows_it(name):
    assert not isinstance(getattr(tfrec, name), ModuleType)
    assert f"tfrec.{name}" not in sys.modules


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tfrec.nothing


def test_importing_tfrec_imports_nothing_heavy():
    code = "import sys, tfrec; print([m for m in ('tensorflow', 'pandas', 'numpy', 'keras') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
