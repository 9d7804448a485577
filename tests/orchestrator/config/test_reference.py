from pathlib import Path

from orchestrator.config.keys import places
from orchestrator.config.reference import markdown
from orchestrator.config.root import Config

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "config.md"


def test_the_page_in_the_repository_is_this_one() -> None:
    renew = "python -m orchestrator.config.reference > docs/reference/config.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), f"renew it: {renew}"


def test_every_key_is_on_it() -> None:
    page = markdown()
    for place in places(Config):
        assert f"`{place.split('.')[-1].removesuffix('[]')}`" in page or f"`{place}" in page, place


def test_tables_have_four_columns() -> None:
    for line in markdown().splitlines():
        if line.startswith("|"):
            assert line.count("|") == 5, line
