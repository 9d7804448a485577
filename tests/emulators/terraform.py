"""The real terraform with the real provider, where both are at hand: the program, and where its providers come from.

Providers come from a mirror on this machine: BENCHCTL_TF_PLUGINS, or one of the usual places. Without one, Terraform
may ask the registry; a machine that cannot reach it skips, loudly.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

PLACES = ("/opt/tf-plugins", "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins")
REGISTRY = "registry.terraform.io"


def terraform_environment(scratch: Path) -> dict[str, str]:
    """Variables under which `terraform init` finds the AWS provider; skips the test where it cannot."""
    if shutil.which("terraform") is None:
        pytest.skip("SKIPPED FOR WANT OF A PART: terraform is not installed")
    mirror = _mirror()
    if mirror is None:
        if not _reachable():
            words = f"no provider mirror (set BENCHCTL_TF_PLUGINS) and {REGISTRY} cannot be reached"
            pytest.skip(f"SKIPPED FOR WANT OF A PART: {words}")
        return {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    settings = scratch / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1"}


def _mirror() -> Path | None:
    named = os.environ.get("BENCHCTL_TF_PLUGINS")
    for place in (named,) if named else PLACES:
        if place and (Path(place) / REGISTRY / "hashicorp" / "aws").is_dir():
            return Path(place)
    return None


def _reachable() -> bool:
    try:
        socket.create_connection((REGISTRY, 443), timeout=3).close()
    except OSError:
        return False
    return True
