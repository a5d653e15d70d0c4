"""A Ray cluster does the same work as processes here."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqwright.core.errors import SeqwrightError
from seqwright.studies import cluster
from seqwright.studies.cluster import Cluster
from tests.studies.small import small_study
from tests.studies.test_study import timeless


@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_a_local_cluster_find_what_one_process_finds(tmp_path: Path):
    pytest.importorskip("ray", reason="seqwright[ray] is not installed")
    study = small_study()
    here = study.run(tmp_path / "here", workers=1)
    there = study.run(tmp_path / "there", executor=Cluster("local", workers=2))
    assert timeless(there) == timeless(here)


@pytest.mark.filterwarnings("ignore")
def test_a_missing_cluster_is_an_error(tmp_path: Path):
    pytest.importorskip("ray", reason="seqwright[ray] is not installed")
    with pytest.raises(SeqwrightError, match="no Ray cluster at auto"):
        small_study(cells=1).run(tmp_path / "study", executor=Cluster("auto"))


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(cluster, "import_module", missing)
    with pytest.raises(SeqwrightError, match="--ray needs Ray; install"):
        small_study(cells=1).run(tmp_path / "study", executor=Cluster("auto"))
