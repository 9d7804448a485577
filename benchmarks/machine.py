"""What this machine is, in one line, for the head of every table."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def machine() -> str:
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return f"{today}, {os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"
