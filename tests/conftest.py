"""Session-wide guards: loopback only, no ambient credentials, no hub; shared fixtures live beside their tests."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

# Before anything imports a cloud client: nothing may look for credentials or metadata servers on its own.
os.environ.update(
    AWS_EC2_METADATA_DISABLED="true",
    NO_GCE_CHECK="true",
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="us-east-1",
    NO_PROXY="127.0.0.1,localhost,::1",
)
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "HF_TOKEN", "BENCHCTL_DEBUG"):
    os.environ.pop(name, None)

# A shell starts what it puts in the background with SIGINT ignored, and that is inherited by every process we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that tests import each other's helpers as tests.<...> from any working folder
