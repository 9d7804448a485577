from pathlib import Path

import pytest

from function.contract.errors import UsageError
from orchestrator.commands.init import run, template_text, templates
from orchestrator.config.loading import load_config


@pytest.mark.parametrize("name", templates())
def test_what_is_written_loads(name: str, tmp_path: Path) -> None:
    outcome = run(tmp_path / "new" / "folder", name)
    path = Path(outcome.result["path"])
    assert path == tmp_path / "new" / "folder" / "benchctl.yaml" and path.read_text() == template_text(name)
    assert str(path) in outcome.human
    load_config(path, env={})


def test_quickstart_is_the_default(tmp_path: Path) -> None:
    assert templates()[0] == run(tmp_path).result["template"] == "quickstart"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "benchctl.yaml").write_text("mine")
    with pytest.raises(UsageError) as refusal:
        run(tmp_path)
    assert refusal.value.code == "exists" and refusal.value.exit_code == 2
    assert (tmp_path / "benchctl.yaml").read_text() == "mine"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError) as refusal:
            run(directory)
        assert refusal.value.code in ("exists", "unwritable") and "file" in refusal.value.message


def test_an_unknown_template_lists_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        run(tmp_path, "quickstrat")
    assert refusal.value.code == "unknown_template" and "did you mean quickstart?" in refusal.value.hint
    assert all(name in refusal.value.hint for name in templates())
    assert list(tmp_path.iterdir()) == []
