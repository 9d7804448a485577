"""The zip depends on its files alone."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.package.archive import write_archive
from tests.orchestrator.package.made import X86_64, elf

NAMES = st.from_regex(r"[a-z]{1,6}(/[a-z]{1,6}){0,2}\.py", fullmatch=True)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=8), st.randoms())
def test_order_does_not_matter_and_what_went_in_comes_out(files: dict[str, bytes], random: object) -> None:
    import tempfile

    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / "one.zip", Path(folder) / "two.zip"
        assert write_archive(files, one) == write_archive(dict(shuffled), two)
        assert one.read_bytes() == two.read_bytes()
        with zipfile.ZipFile(one) as archive:
            assert archive.namelist() == sorted(files)
            assert {name: archive.read(name) for name in archive.namelist()} == files


def test_times_and_modes_are_fixed(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    digest = write_archive({"m.py": b"m = 1", "a.so": elf(X86_64)}, path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    with zipfile.ZipFile(path) as archive:
        modes = {entry.filename: (entry.external_attr >> 16) & 0o777 for entry in archive.infolist()}
        assert modes == {"m.py": 0o644, "a.so": 0o755}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert list(tmp_path.iterdir()) == [path]
