"""What of a wheel goes into the package."""

from __future__ import annotations

import json

import pytest

from function.contract.errors import UsageError
from orchestrator.package.contents import SERVICES, installed_at, is_wanted, merged
from orchestrator.package.target import target
from tests.orchestrator.package.made import AARCH64, X86_64, elf


@pytest.mark.parametrize(
    ("member", "place"),
    [
        ("aiohttp/client.py", "aiohttp/client.py"),
        ("six.py", "six.py"),
        ("jmespath-1.1.0.data/scripts/jp.py", None),
        ("some-1.0.data/purelib/some/a.py", "some/a.py"),
        ("some-1.0.data/platlib/some/b.so", "some/b.so"),
        ("some-1.0.data/headers/some/b.h", None),
        ("some-1.0.dist-info/METADATA", None),
    ],
)
def test_where_a_member_lies(member: str, place: str | None) -> None:
    assert installed_at(member) == place


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("aiohttp/client.py", True),
        ("aiohttp/_http_parser.pyx", False),
        ("aiohttp/test_utils.py", False),
        ("aiohttp/web_app.py", False),
        ("aiohttp/_websocket/reader.py", True),
        ("aiohttp/http_websocket.py", True),
        ("arro3/core/_core.pyi", False),
        ("some/tests/test_it.py", False),
        ("wrapt-stubs/__init__.py", False),
        ("botocore/docs/docstring.py", True),
        ("botocore/cacert.pem", True),
        ("botocore/data/endpoints.json", True),
        ("botocore/data/partitions.json", True),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("botocore/data/s3control/2018-08-20/service-2.json.gz", False),
        *((f"botocore/data/{service}/2000-01-01/service-2.json.gz", True) for service in SERVICES),
        ("botocore/data/s3/2006-03-01/examples-1.json", False),
    ],
)
def test_what_is_wanted(name: str, wanted: bool) -> None:
    assert is_wanted(name) is wanted


def test_wheels_are_laid_over_one_root_and_slimmed() -> None:
    endpoints = {"partitions": [{"a": 1}, {"b": "ü"}]}
    first = {"a/__init__.py": b"", "a/x.so": elf(X86_64, b"code", b"symbols"), "a-1.0.dist-info/RECORD": b"..."}
    second = {"botocore/data/endpoints.json": json.dumps(endpoints, indent=4).encode(), "b.py": b"b = 1"}
    found = merged([first, second], target("x86_64"))
    assert set(found) == {"a/__init__.py", "a/x.so", "b.py", "botocore/data/endpoints.json"}
    assert found["a/x.so"].endswith(b"code")
    assert json.loads(found["botocore/data/endpoints.json"]) == endpoints
    assert len(found["botocore/data/endpoints.json"]) < len(second["botocore/data/endpoints.json"])


def test_a_foreign_binary_stops_it() -> None:
    with pytest.raises(UsageError) as refused:
        merged([{"a/x.so": elf(AARCH64)}], target("x86_64"))
    assert refused.value.code == "foreign_binary" and "a/x.so" in refused.value.message
