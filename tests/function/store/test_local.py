"""What only the directory adapter has: its files and the operating system's refusals (its lock: test_local_lock.py).

The behaviour common to all stores is in tests/suites.
"""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from function.contract.errors import AlreadyExists, NotFound, StoreDenied, StoreError
from function.store.local import LocalStore
from function.store.opening import open_store
from tests.suites.stores import keys


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


# Files.


def test_an_object_is_a_plain_file_and_the_lock_lies_apart(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.create("runs/r1/claims/x", b"nonce")
    store.put("runs/r1/control.json", b"{}")
    assert (tmp_path / "runs/r1/claims/x").read_bytes() == b"nonce"
    assert files(tmp_path) == {"runs/r1/claims/x", "runs/r1/control.json", "runs/r1/.store/lock"}
    assert keys(store.list()) == ["runs/r1/claims/x", "runs/r1/control.json"]
    assert keys(store.list(shallow=True)) == ["runs/"]


def test_the_version_is_the_digest_of_the_content(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digest = hashlib.sha256(b"body").hexdigest()
    assert store.put("a", b"body").version == digest
    (tmp_path / "b").write_bytes(b"body")  # also of what somebody copied there
    assert store.get("b").stored.version == digest
    assert store.replace("b", b"next", digest).version == hashlib.sha256(b"next").hexdigest()


def test_new_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        LocalStore(tmp_path).create("a/b", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750


def test_a_handle_keeps_its_place_when_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = LocalStore(Path("out"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put("a", b"x")
    assert (tmp_path / "out/a").read_bytes() == b"x"
    assert store.uri == str(tmp_path / "out")
    assert LocalStore(Path("/")).uri == "/"


def test_foreign_files_are_left_out_of_listings(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"x")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "a/.git").mkdir()
    (tmp_path / "a/.git/HEAD").write_bytes(b"x")
    (tmp_path / "empty/deeper").mkdir(parents=True)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_bytes(b"x")
    assert keys(store.list()) == ["a/b"]
    assert keys(store.list(shallow=True)) == ["a/"]


def test_a_run_may_lie_on_another_disk_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root/runs").mkdir(parents=True)
    (tmp_path / "root/runs/r1").symlink_to(tmp_path / "disk")
    store = LocalStore(tmp_path / "root")
    store.create("runs/r1/a", b"x")
    assert keys(store.list("runs/")) == ["runs/r1/a"]
    assert files(tmp_path / "disk") == {"a"}
    assert not (tmp_path / "root/.store").exists()


# Refusals.


def writes(store: LocalStore, key: str) -> list[Callable[[], object]]:
    return [
        lambda: store.put(key, b"x"),
        lambda: store.create(key, b"x"),
        lambda: store.replace(key, b"x", hashlib.sha256(b"").hexdigest()),
    ]


def test_a_root_that_does_not_exist_reads_as_empty_and_is_made_by_a_write(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new/root")
    with pytest.raises(NotFound):
        store.get("a")
    assert keys(store.list()) == []
    store.delete("a")
    assert not (tmp_path / "new").exists()
    store.create("b/c", b"x")
    assert (tmp_path / "new/root/b/c").read_bytes() == b"x"


def test_a_root_deleted_under_way_is_made_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "root")
    store.put("a/b", b"x")
    (tmp_path / "root").rename(tmp_path / "moved")
    store.put("a/b", b"y")
    assert store.get("a/b").body == b"y"


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"x")
    for write in writes(store, "a/b") + writes(store, "a/b/c"):
        with pytest.raises(StoreError, match=str(tmp_path / "a")) as refusal:
            write()
        assert type(refusal.value) is StoreError
    assert keys(store.list("a/")) == []
    assert files(tmp_path) == {"a", ".store/lock"}


def test_a_folder_where_the_object_would_be(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"x")
    for write in writes(store, "a"):
        with pytest.raises(StoreError, match=str(tmp_path / "a")) as refusal:
            write()
        assert type(refusal.value) is StoreError
    assert files(tmp_path) == {"a/b", ".store/lock"}


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.write_bytes(b"x")
    store = LocalStore(root)
    calls: list[Callable[[], object]] = [lambda: store.get("a"), lambda: list(store.list()), *writes(store, "a")]
    for call in calls:
        with pytest.raises(StoreError, match=str(root)) as refusal:
            call()
        assert type(refusal.value) is StoreError
    assert root.read_bytes() == b"x"


def in_child(work: Callable[[], None]) -> None:
    """Run `work` in a forked child, for what cannot be undone in a process (its user, its limits)."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- the parent raises it
            os.write(writing, repr(error).encode()[:4_000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    assert not said, said


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A folder that a user without privileges reaches, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder) / "root"


def without_privileges() -> None:
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def test_what_the_user_may_not_is_denied(open_root: Path) -> None:
    root = open_root
    LocalStore(root).put("a", b"")
    LocalStore(root).put("free", b"free")
    (root / "secret").mkdir(mode=0o700)
    (root / "secret/b").write_bytes(b"")
    (root / "a").chmod(0o000)
    for folder in (root / "secret", root / ".store", root):
        folder.chmod(0o000 if folder.name == "secret" else 0o555)

    def work() -> None:
        without_privileges()
        store = LocalStore(root)
        calls: list[Callable[[], object]] = [
            lambda: store.get("a"),
            lambda: store.get("secret/b"),
            lambda: list(store.list()),
            lambda: store.delete("a"),
            lambda: store.delete("secret/b"),
            *writes(store, "a"),
            *writes(store, "new/c"),
            *writes(LocalStore(root / "new"), "c"),
        ]
        for call in calls:
            with pytest.raises(StoreDenied, match=str(root)):
                call()
        assert store.get("free").body == b"free"  # so it is not the way there that is barred

    try:
        in_child(work)
    finally:
        for folder in (root, root / "secret"):
            folder.chmod(0o700)


def test_a_full_disk_fails_the_write_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files, for want of a small disk."""
    import resource

    store = LocalStore(tmp_path)
    version = store.put("a", b"before").version

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
        big = b"x" * 100_000
        calls: list[Callable[[], object]] = [
            lambda: store.put("a", big),
            lambda: store.replace("a", big, version),
            lambda: store.create("b", big),
        ]
        for call in calls:
            with pytest.raises(StoreError, match=str(tmp_path)) as refusal:
                call()
            assert type(refusal.value) is StoreError

    in_child(work)
    assert store.get("a").body == b"before"
    assert files(tmp_path) == {"a", ".store/lock"}


def test_a_file_system_without_hard_links_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StoreError, match="hard links") as refusal:
        LocalStore(tmp_path).create("a", b"x")
    assert not isinstance(refusal.value, (StoreDenied, AlreadyExists))
    assert files(tmp_path) == set()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        version = store.put("a", b"x").version
        store.replace("a", b"y", version)
        for call in (
            lambda: store.create("a", b"z"),
            lambda: store.replace("a", b"z", "stale"),
            lambda: store.get("b"),
            lambda: store.put("a/b", b"z"),
        ):
            with pytest.raises(StoreError):
                call()
        assert next(store.list()).key == "a"
    assert len(os.listdir("/dev/fd")) == before
