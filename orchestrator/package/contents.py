"""What goes into the package, and what of a wheel is left out. Pure: names and bytes in, names and bytes out.

Left out is what no worker reads: metadata, type stubs, sources of compiled modules, tests, and the descriptions of the
AWS services that a worker never calls (27 MB of botocore's 29).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from orchestrator.package.elf import check_binary, is_elf, loaded_part
from orchestrator.package.target import Target

SERVICES = ("s3", "secretsmanager", "ssm", "sts")  # what function/ asks botocore for
_SHARED_DATA = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
_BOTOCORE_DATA = ("botocore", "data")
_SUFFIXES = (".pyi", ".pyx", ".pxd", ".pxi", ".c", ".h", ".hash", ".pyc", ".typed", ".md", ".rst")
_FOLDERS = ("tests", "test", "__pycache__", "examples")
_PATTERNS = (  # aiohttp's server and what only tests import; a browser's urllib3; a copy of the system's time zones
    "aiohttp/web*.py",
    "aiohttp/worker.py",
    "aiohttp/pytest_plugin.py",
    "aiohttp/test_utils.py",
    "urllib3/contrib/emscripten/*",
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",
)
_SCHEMES = ("purelib", "platlib")  # of a wheel's NAME.data folder: those two are importable


def merged(wheels: Iterable[Mapping[str, bytes]], target: Target) -> dict[str, bytes]:
    """All wheels' importable files over one root, pruned and checked. Raises UsageError (`foreign_binary`)."""
    found: dict[str, bytes] = {}
    for wheel in wheels:
        for name, body in wheel.items():
            place = installed_at(name)
            if place is None or not is_wanted(place):
                continue
            check_binary(place, body, target)
            found[place] = _slim(place, body)
    return found


def installed_at(name: str) -> str | None:
    """Where a wheel's member lies after installation, from the root; None for what is not importable."""
    parts = PurePosixPath(name).parts
    if parts[0].endswith(".dist-info"):
        return None
    if parts[0].endswith(".data"):
        return "/".join(parts[2:]) if len(parts) > 2 and parts[1] in _SCHEMES else None
    return name


def is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    if (
        path.suffix in _SUFFIXES
        or any(path.match(pattern) for pattern in _PATTERNS)
        or path.parts[0].endswith("-stubs")
    ):
        return False
    if any(folder in _FOLDERS for folder in path.parts[:-1]):
        return False
    return path.parts[:2] != _BOTOCORE_DATA or _is_wanted_data(path)


def _is_wanted_data(path: PurePosixPath) -> bool:
    if len(path.parts) == 3:
        return path.name in _SHARED_DATA
    return path.parts[2] in SERVICES and not path.name.startswith("examples-")


def _slim(name: str, body: bytes) -> bytes:
    """The same content to whoever loads it."""
    if is_elf(body):
        return loaded_part(body)
    path = PurePosixPath(name)
    if path.parts[:2] == _BOTOCORE_DATA and path.suffix == ".json":  # indented: half of endpoints.json is spaces
        return json.dumps(json.loads(body), separators=(",", ":")).encode()
    return body
