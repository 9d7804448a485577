"""The TLS context of a target."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.tls import tls_context
from tests.emulators.certificates import Authority


def target(**files: str) -> Target:
    return Target(root="https://x", api="chat", streaming=True, **files)


def test_certificates_are_always_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for context in (tls_context(target()), tls_context(target(ca_file=str(authority.file)))):
        assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def test_a_ca_file_replaces_the_systems_roots(tmp_path: Path) -> None:
    subjects = tls_context(target(ca_file=str(Authority(tmp_path).file))).get_ca_certs()
    assert len(subjects) == 1


def test_files_that_cannot_be_used_are_named_with_their_key(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("worker.test")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for files, path in (
        ({"ca_file": str(tmp_path / "none.pem")}, "server.ca_file"),
        ({"ca_file": str(empty)}, "server.ca_file"),
        ({"cert_path": str(empty)}, "server.cert_path"),
        ({"cert_path": str(signed.cert), "key_path": str(empty)}, "server.cert_path"),
        ({"cert_path": str(tmp_path / "none.pem")}, "server.cert_path"),
    ):
        with pytest.raises(UsageError) as refusal:
            tls_context(target(**files))
        assert refusal.value.path == path
        assert next(iter(files.values())) in str(refusal.value)
