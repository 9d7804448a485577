"""Whether a run that costs money was agreed to: by `--yes`, or by whoever sits at the terminal."""

from __future__ import annotations

import sys

from function.contract.errors import UsageError
from function.contract.plan import Cost
from orchestrator.launch.view import View

CENT = 0.005


def ask_consent(cost: Cost, view: View, *, yes: bool) -> None:
    """Raises UsageError: `cost_unconfirmed` where nobody can be asked, `cost_declined`. What is free is not asked."""
    if not cost.usd:
        return
    words = f"estimated cost {usd_words(cost.usd)}" + (f" ({cost.note})" if cost.note else "")
    if yes:
        view.say(words)
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"{words}: nobody is here to agree to it", path="--yes", hint="add --yes", code="cost_unconfirmed"
        )
    import click

    view.say(words)
    if not click.confirm("Launch?", err=True):
        raise UsageError("not launched: nothing was sent", path="--yes", code="cost_declined")


def usd_words(usd: float) -> str:
    """Nothing that costs is shown as nothing."""
    if not usd:
        return "0.00 USD"
    return f"{usd:.2f} USD" if usd >= CENT else "under 0.01 USD"
