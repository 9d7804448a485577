"""`benchctl infra up|status|down`: what was made, stands or was taken down, as people and scripts read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from function.contract.errors import UsageError
from orchestrator.outcome import ABORTED, Outcome, Problem
from orchestrator.providers.deployment import deployment_path, state_folder
from orchestrator.provision.down import Unwanted, down
from orchestrator.provision.speech import Speech
from orchestrator.provision.standing import RegionStanding, standing
from orchestrator.provision.up import Raised, Wanted, up

Ask = Callable[[str], bool]


def run_up(wanted: Wanted, speech: Speech) -> Outcome:
    """`result`: {"provider", "account", "state", "root_uri", "deployment", "applied", "regions": [{"region", "add",
    "change", "remove", "applied"}], "secrets", "orchestrator_policy"}."""
    check_provider(wanted.provider)
    try:
        raised = up(wanted, speech)
    except KeyboardInterrupt:
        return _interrupted("infra up")
    path = deployment_path(wanted.provider, wanted.state_dir)
    result = {
        "provider": wanted.provider,
        "account": raised.account.id,
        "state": str(wanted.state_dir),
        "root_uri": None if raised.deployment is None else raised.deployment.root_uri,
        "deployment": None if raised.deployment is None else str(path),
        "applied": not wanted.plan_only,
        "regions": [asdict(region) for region in raised.regions],
        "secrets": list(raised.outputs.get("secrets", ())),
        "orchestrator_policy": raised.outputs.get("orchestrator_policy"),
    }
    return Outcome("infra up", result=result, human=_raised_words(raised, wanted), problems=raised.problems)


def run_status(provider: str, state_dir: Path, regions: tuple[str, ...], refresh: bool, speech: Speech) -> Outcome:
    """`result`: {"provider", "state", "root_uri", "regions": [{"region", "up", "differences", "deployment"}]}."""
    check_provider(provider)
    try:
        found = standing(provider, state_dir, regions, refresh, speech)
    except KeyboardInterrupt:
        return _interrupted("infra status")
    result = {
        "provider": provider,
        "state": str(state_dir),
        "root_uri": found.root_uri,
        "regions": [_region(region) for region in found.regions],
    }
    words = [f"runs lie in {found.root_uri}"] if found.root_uri else []
    words += [_standing_words(region) for region in found.regions]
    problems = tuple(_drifted(region) for region in found.regions if region.differences)
    human = "\n".join(words) or f"nothing is provisioned on {provider} (state: {state_dir})"
    return Outcome("infra status", result=result, human=human, problems=problems)


def run_down(unwanted: Unwanted, speech: Speech) -> Outcome:
    """`result`: {"provider", "regions", "destroyed", "kept"}."""
    check_provider(unwanted.provider)
    try:
        fallen = down(unwanted, speech)
    except KeyboardInterrupt:
        return _interrupted("infra down")
    result = {
        "provider": unwanted.provider,
        "regions": list(fallen.regions),
        "destroyed": fallen.destroyed,
        "kept": fallen.kept,
    }
    words = f"destroyed {fallen.destroyed} resources in {', '.join(fallen.regions)}"
    if fallen.kept is not None:
        name = fallen.kept.removeprefix("s3://")
        words += f"\nkept {fallen.kept}; to use it again: benchctl infra up --var existing_bucket={name}"
    return Outcome("infra down", result=result, human=words, problems=fallen.problems)


def speech_for(yes: bool, may_ask: bool, tell: Callable[[str], None], ask: Ask, color: bool = False) -> Speech:
    """UsageError `unconfirmed`: nobody is there to answer, and the answer was not given either."""
    if not yes and not may_ask:
        hint = "--yes goes on without asking; --plan-only shows what infra up would do"
        message = "this must be confirmed, and nobody is at a terminal"
        raise UsageError(message, path="--yes", hint=hint, code="unconfirmed")
    return Speech(tell, None if yes else ask, color)


def check_provider(provider: str) -> None:
    if provider != "aws":
        raise UsageError(f"provider {provider} is not built yet", path="--provider", hint="aws", code="not_built")


def given_state(word: str | None) -> Path:
    return state_folder(word)


def _region(found: RegionStanding) -> dict[str, Any]:
    differences = None if found.differences is None else [asdict(change) for change in found.differences]
    return {
        "region": found.region,
        "up": found.deployment is not None,
        "differences": differences,
        "deployment": None if found.deployment is None else asdict(found.deployment),
    }


def _standing_words(found: RegionStanding) -> str:
    made = found.deployment
    if made is None:
        return f"{found.region}: not complete (benchctl infra up goes on, benchctl infra down removes it)"
    reserved = "none reserved" if made.reserved_concurrency is None else f"{made.reserved_concurrency} reserved"
    lines = [
        f"{found.region}: {made.function_name}:{made.alias}, code {made.code_version}, {made.architecture}",
        f"  {made.memory_mb} MB, {made.timeout_s} s, up to {made.max_lanes} lanes, {reserved}",
        f"  may call {', '.join(made.allowed_targets) or 'nothing'}",
    ]
    if found.differences is not None:
        lines += [f"  {change.action} {change.address}" for change in found.differences] or ["  as it was made"]
    return "\n".join(lines)


def _drifted(found: RegionStanding) -> Problem:
    words = f"{found.region} is not as it was made: {len(found.differences or ())} differences"
    return Problem("drift", words, "--provider", "benchctl infra up makes it so again", "warning")


def _raised_words(raised: Raised, wanted: Wanted) -> str:
    verb = "would be" if wanted.plan_only else "were"
    lines = [
        f"{found.region}: {found.add} {verb} added, {found.change} changed, {found.remove} removed"
        for found in raised.regions
    ]
    if wanted.plan_only or raised.deployment is None:
        return "\n".join(lines)
    lines.append(f"runs go to {raised.deployment.root_uri}")
    state = "" if str(wanted.state_dir) == ".benchctl" else f" --state {wanted.state_dir}"
    lines += [
        f"the endpoint's key, if it wants one: aws secretsmanager put-secret-value --secret-id {arn}"
        " --secret-string KEY"
        for arn in raised.outputs.get("secrets", ())
        if ":secretsmanager:" in arn
    ]
    lines.append(f"next: benchctl doctor --provider aws{state}")
    return "\n".join(lines)


def _interrupted(command: str) -> Outcome:
    hint = "nothing is lost: the same command goes on where this one stopped"
    return Outcome(command, ABORTED, error=Problem("interrupted", "interrupted", hint=hint))
