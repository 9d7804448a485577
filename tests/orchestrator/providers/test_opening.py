"""Names of providers: the local one opens, what is not built says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.providers.local import LocalProvider
from orchestrator.providers.opening import check_provider_built, open_provider


def test_local_opens(tmp_path: Path) -> None:
    assert isinstance(open_provider("local", str(tmp_path), tmp_path, {}), LocalProvider)


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_what_is_not_built_is_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match=name) as refused:
        check_provider_built(name)
    assert (refused.value.code, refused.value.path) == ("not_built", "--provider")
