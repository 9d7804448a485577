"""`benchctl init`: a commented config to start from.

The templates lie in the package. It never overwrites: what was edited is worth more than what is written.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from function.contract.errors import UsageError
from orchestrator.config.nearest import nearest
from orchestrator.outcome import Outcome

DEFAULT_TEMPLATE = "quickstart"
FILE_NAME = "benchctl.yaml"


def run(directory: str | Path = ".", template: str = DEFAULT_TEMPLATE) -> Outcome:
    """Write `directory`/benchctl.yaml, making the folder if need be. UsageError: unknown template, or it exists."""
    text = template_text(template)
    target = Path(directory) / FILE_NAME
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        taken = target if target.exists() else target.parent
        hint = "name another folder, or remove it first"
        raise UsageError(f"{taken} exists and is not overwritten", path="DIR", hint=hint, code="exists") from None
    except OSError as error:
        hint = "name a folder you may write to"
        message = f"{target} cannot be written: {error.strerror}"
        raise UsageError(message, path="DIR", hint=hint, code="unwritable") from error
    steps = f"benchctl validate {target}\nbenchctl launch {target} --provider local"
    return Outcome("init", result={"path": str(target), "template": template}, human=f"wrote {target}; next:\n{steps}")


def templates() -> tuple[str, ...]:
    """Names of the templates, the default first."""
    names = sorted(file.name.removesuffix(".yaml") for file in _folder().iterdir() if file.name.endswith(".yaml"))
    return (DEFAULT_TEMPLATE, *(name for name in names if name != DEFAULT_TEMPLATE))


def template_text(name: str) -> str:
    if name not in templates():
        meant = nearest(name, templates())
        hint = (f"did you mean {meant}? " if meant else "") + f"there are: {', '.join(templates())}"
        raise UsageError(f"no template is called {name}", path="--template", hint=hint, code="unknown_template")
    return (_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def _folder() -> Path:
    return Path(str(files("orchestrator.config"))) / "templates"
