"""pandas stays out of pyarrow, and stays importable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

USE = "import pyarrow as pa, numpy as np; pa.array(np.arange(3)); pa.table({'a': [1]}); import sys; "


def loaded(script: str) -> bool:
    """Whether pandas was imported by it."""
    words = script + "print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.strip() == "True"


def test_it_is_kept_out_and_can_still_be_imported() -> None:
    keep = "from orchestrator.arrow import keep_pandas_out; keep_pandas_out(); keep_pandas_out(); "
    assert not loaded(keep + USE)
    assert loaded(keep + USE + "import pandas; pandas.DataFrame({'a': [1]}); ")


def test_planted_without_it_pyarrow_imports_pandas() -> None:
    assert loaded(USE)
