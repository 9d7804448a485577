"""How a Python process of our own is started so that it runs this very code, whatever the working folder holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from function.contract import keys

# -P: a json.py in the working folder must not become a child's json.
PYTHON = (sys.executable, "-P", "-m")


def finding_us(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, and where `function` and `orchestrator` lie. Nothing is added for installed packages: a
    site-packages folder on PYTHONPATH would come before the standard library."""
    home = Path(keys.__file__).resolve().parents[2]
    if home.name in ("site-packages", "dist-packages"):
        return dict(environment)
    path = os.pathsep.join(filter(None, (str(home), environment.get("PYTHONPATH", ""))))
    return {**environment, "PYTHONPATH": path}
