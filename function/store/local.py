"""The object store in a directory: one file per object, for the processes of one machine.

Files are never changed in place. A body is written beside and then linked (`create`) or renamed (`put`, `replace`), so
a reader sees a whole object or none. What must be excluded happens under one lock per run: a `replace` that was
prepared before a `put` and lands after it would undo it. A stopped holder of the lock can still do that to a put that
did not wait for it any longer; who must not be undone reads back (abort does).

Nothing is fsynced: a killed process loses nothing it had been told was stored, since the kernel has the pages. Only a
machine that loses power does, and the run dies with it; a sync made a write 0.4 ms instead of 0.01 ms where it was
measured, on a fast virtual disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from function.contract.errors import AlreadyExists, NotFound, StoreDenied, StoreError, VersionMismatch
from function.contract.keys import RUNS
from function.store.key import check_key, check_prefix, folder_prefix
from function.store.lock import locked
from function.store.port import Blob, Entry, Stored

PUT_WAIT_S = 1.0  # then the holder is taken for stopped, and the put goes on without the lock
REPLACE_WAIT_S = 5.0  # then nothing is written, and StoreError
_OWN = ".store"  # lock and drafts; no key has a component with a leading dot
_TICK_NS = 10_000_000  # kernels stamp files by a clock that moves 100 to 1,000 times a second
_LATE_TICK_NS = 100_000_000  # and later where a virtual machine is starved: 20 ms seen once in 70,000 writes
_SECOND_NS = 1_000_000_000  # stamps of file systems without fractions (HFS+, old ext)


class LocalStore:
    """The objects below `root`, or below `folder` in it. The version of an object is the sha256 of its body.

    Lock and drafts of `runs/<id>/...`, counted from `root`, lie in `root/runs/<id>/.store/`; those of every other key
    in `root/.store/`. So a handle on ROOT and one on a run's folder share them. That needs one of these two as `root`:
    look deeper with `at` (or `folder`), which keeps them, not by opening a store there.

    A listing shows all that lay there all the time, but for one case: on tmpfs, of a folder with more than about 1,000
    objects, it can miss those overwritten during it (15 of 3,000 at 30,000 puts/s; none of 900; none on ext4).
    """

    __slots__ = ("_below", "_root")

    def __init__(self, root: Path, folder: str = "") -> None:
        self._root = str(root.absolute())  # now: a later chdir must not move the store
        self._below = folder_prefix(folder)

    @property
    def uri(self) -> str:
        return os.path.join(self._root, self._below).rstrip("/") or "/"

    def put(self, key: str, body: bytes) -> Stored:
        path, own = self._place(key)
        digest = _version(body)
        with _mapped("write", path), _draft(own, body) as draft, locked(own, PUT_WAIT_S):
            return _receipt(digest, _overwrite(draft, path))

    def create(self, key: str, body: bytes) -> Stored:
        path, own = self._place(key)
        digest = _version(body)
        with _mapped("create", path), _draft(own, body) as draft:
            stamp_ns = os.stat(draft).st_mtime_ns
            try:
                _land(os.link, draft, path)
            except FileExistsError as error:
                if os.path.isdir(path):
                    raise IsADirectoryError(errno.EISDIR, "a folder lies there") from error
                raise AlreadyExists(f"{path} exists already") from error
            except PermissionError as error:
                if error.errno == errno.EPERM:  # EACCES is a matter of permissions
                    raise StoreError(f"cannot create {path}: hard links are not possible there") from error
                raise
            return _receipt(digest, stamp_ns)

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        path, own = self._place(key)
        digest = _version(body)
        with _mapped("replace", path), _draft(own, body) as draft, locked(own, REPLACE_WAIT_S) as held:
            if not held:
                raise StoreError(
                    f"cannot replace {path}: the lock in {own} was held for {REPLACE_WAIT_S:g} s; nothing was written",
                    hint="a stopped process may hold it; continue or end that process",
                )
            if _current(path) != version:
                raise VersionMismatch(f"{path} has changed since it was read, or is gone")
            return _receipt(digest, _overwrite(draft, path))

    def get(self, key: str) -> Blob:
        path, _ = self._place(key)
        with _mapped("read", path):
            try:
                with open(path, "rb", buffering=0) as file:
                    body = file.read()
                    stamp_ns = os.fstat(file.fileno()).st_mtime_ns
            except (FileNotFoundError, IsADirectoryError) as error:
                raise NotFound(f"no object {path}") from error
            except NotADirectoryError as error:
                self._check_root()
                raise NotFound(f"no object {path}") from error
        return Blob(body, Stored(_version(body), stamp_ns, _resolution_ns(stamp_ns, _LATE_TICK_NS)))

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[Entry]:
        folder, slash, stem = check_prefix(prefix).rpartition("/")
        return self._rows(folder + slash, stem, shallow)

    def delete(self, key: str) -> None:
        path, own = self._place(key)
        with _mapped("delete", path), suppress(FileNotFoundError, NotADirectoryError):
            if stat.S_ISDIR(os.lstat(path).st_mode):
                return  # no object; and where none is, no lock is left behind
            os.makedirs(own, exist_ok=True)
            with locked(own, PUT_WAIT_S):  # a replace under way must not bring it back
                os.unlink(path)

    def at(self, folder: str, *, limit_s: float | None = None) -> LocalStore:
        return LocalStore(Path(self._root), self._below + folder_prefix(folder))

    def close(self) -> None:
        """Nothing is kept open between calls."""

    def _place(self, key: str) -> tuple[str, str]:
        """Where the object lies, and the folder of its lock and drafts."""
        whole = self._below + check_key(key)
        run, _, rest = whole.removeprefix(RUNS).partition("/")
        holder = f"{RUNS}{run}" if whole.startswith(RUNS) and rest else ""
        return os.path.join(self._root, whole), os.path.join(self._root, holder, _OWN)

    def _rows(self, folder: str, stem: str, shallow: bool) -> Iterator[Entry]:
        """Rows below `folder` ("" or with a `/` at its end) whose next component starts with `stem`.

        Folders sort as `name/`, like their keys do. A name that came or went since the folder was read is no error.
        """
        for name, entry in self._names(folder):
            key = folder + name
            if not name.startswith(stem):
                continue
            if not name.endswith("/"):
                row = _row(key, entry)
                if row is not None:
                    yield row
            elif not shallow:
                yield from self._rows(key, "", False)
            elif next(self._rows(key, "", False), None) is not None:  # an empty folder is no key
                yield Entry(key, 0, "", 0)

    def _names(self, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        path = os.path.join(self._root, self._below, folder)
        with _mapped("list", path):
            try:
                with os.scandir(path) as entries:
                    found = [(entry.name + "/" if entry.is_dir() else entry.name, entry) for entry in entries]
            except FileNotFoundError:
                return
            except NotADirectoryError:
                self._check_root()
                return
        found.sort(key=lambda pair: pair[0])
        for name, entry in found:
            with suppress(ValueError):  # not a name this store gives: `.store`, a desktop's dot file
                check_key(entry.name)
                yield name, entry

    def _check_root(self) -> None:
        if os.path.exists(self._root) and not os.path.isdir(self._root):
            raise StoreError(f"{self._root} is a file, not a folder")


@contextmanager
def _mapped(verb: str, path: str) -> Iterator[None]:
    """The operating system's refusals in the store's words."""
    try:
        yield
    except PermissionError as error:
        raise StoreDenied(f"cannot {verb} {path}: {error.strerror or error}") from error
    except OSError as error:
        raise StoreError(f"cannot {verb} {path}: {error.strerror or error}") from error


@contextmanager
def _draft(own: str, body: bytes) -> Iterator[str]:
    """The body in a new file in the folder `own`; gone afterwards, unless it was renamed."""
    path = os.path.join(own, f"draft-{os.urandom(8).hex()}")
    try:
        try:
            _write_new(path, body)
        except FileNotFoundError:
            _make_folder(own)
            _write_new(path, body)
        yield path
    finally:
        with suppress(OSError):  # renamed, or left behind: it is in nobody's way
            os.unlink(path)


def _write_new(path: str, body: bytes) -> None:
    with open(path, "xb") as file:  # closing reports what a network file system could not store
        file.write(body)


def _make_folder(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "a file lies where a folder is needed") from error


def _land(move: Callable[[str, str], None], draft: str, path: str) -> None:
    try:
        move(draft, path)
    except FileNotFoundError:
        _make_folder(os.path.dirname(path))
        move(draft, path)


def _overwrite(draft: str, path: str) -> int:
    """Rename the draft over `path`, under the lock, and return its stamp. Stamps of one object rise, so that listings
    show every change: the clock behind them moves in ticks, and inodes are used again."""
    os.utime(draft)  # it may have waited for the lock
    stamp_ns = os.stat(draft).st_mtime_ns
    with suppress(FileNotFoundError):
        before_ns = os.stat(path).st_mtime_ns
        if 0 <= before_ns - stamp_ns < _TICK_NS:
            os.utime(draft, ns=(before_ns + 1, before_ns + 1))
            stamp_ns = os.stat(draft).st_mtime_ns
    _land(os.rename, draft, path)
    return stamp_ns


def _receipt(version: str, stamp_ns: int) -> Stored:
    """For a write that ended just now: the file's clock lags by up to a tick, by more if this machine's clock says so
    (to a limit: on a network file system the two need not agree)."""
    lag_ns = min(time.time_ns() - stamp_ns, _LATE_TICK_NS)
    return Stored(version, stamp_ns, _resolution_ns(stamp_ns, max(lag_ns, _TICK_NS)))


def _resolution_ns(stamp_ns: int, least_ns: int) -> int:
    return least_ns if stamp_ns % _SECOND_NS else _SECOND_NS


def _version(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _current(path: str) -> str | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _row(key: str, entry: os.DirEntry[str]) -> Entry | None:
    """None when the file is gone, or is not one (a socket, a dangling link). The version needs no reading of bodies."""
    with _mapped("list", entry.path):
        try:
            found = entry.stat()
        except FileNotFoundError:
            return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Entry(key, found.st_size, f"{found.st_mtime_ns:x}-{found.st_ino:x}-{found.st_size:x}", found.st_mtime_ns)
