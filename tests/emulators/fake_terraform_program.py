"""What runs as `terraform` in fake_terraform's place: one call of it.

It knows two resources in each folder, and keeps its state in `terraform.tfstate` there. FAKE_LOG: the file that calls
are written to; FAKE_FAIL: what fails; FAKE_SLOW: applies go on until interrupted; FAKE_VERSION: which it says it is.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

HERE = Path.cwd()
STATE = HERE / "terraform.tfstate"
PLAN = HERE / "benchctl.tfplan"
VALUES = HERE / "benchctl.auto.tfvars.json"


def main(words: list[str]) -> None:
    with open(os.environ["FAKE_LOG"], "a", encoding="utf-8") as file:
        file.write(json.dumps([HERE.name, *words]) + "\n")
    verb = words[0] if words[0] != "state" else f"state {words[1]}"
    if verb == "version":
        print(json.dumps({"terraform_version": os.environ.get("FAKE_VERSION", "1.11.4")}))
    elif verb == "init":
        _init()
    elif verb == "plan":
        _plan(words)
    elif verb == "show":
        print("the plan for people")
    elif verb == "apply":
        _apply()
    elif verb == "output":
        print(json.dumps({name: {"value": value} for name, value in _outputs().items()} if _held() else {}))
    elif verb == "state list":
        if not STATE.exists():
            sys.exit("No state file was found!")
        print("\n".join(["data.aws_region.current", *_held()]))
    elif verb == "state rm":
        STATE.write_text(json.dumps([address for address in _held() if address not in words[2:]]))


def _init() -> None:
    if _broken("init"):
        sys.exit("╷\n│ Error: Failed to query available provider packages\n│ \n│ no answer\n╵")
    (HERE / ".terraform").mkdir(exist_ok=True)
    (HERE / ".terraform.lock.hcl").touch()


def _plan(words: list[str]) -> None:
    if _broken("plan"):
        _fail("Invalid value", "a list is required")
    destroy, targeted = "-destroy" in words, any(word.startswith("-target") for word in words)
    mine = ["aws_lambda_function.worker"] + ([] if _values().get("existing_bucket") else ["aws_s3_bucket.runs[0]"])
    held = _held()
    for address in held if destroy else mine:
        if not targeted and (destroy or address not in held):
            action = "delete" if destroy else "create"
            _event("planned_change", change={"resource": {"addr": address}, "action": action})
    PLAN.write_text(json.dumps(held if targeted else [] if destroy else mine))


def _apply() -> None:
    if _broken("apply"):
        _fail("AccessDenied", "not allowed")
    _event("apply_start", "Creating...", hook={"action": "create"})
    if os.environ.get("FAKE_SLOW"):
        stopped: list[int] = []
        signal.signal(signal.SIGINT, lambda number, frame: stopped.append(number))
        _event("apply_progress", "Still creating... [10s elapsed]", hook={"action": "create"})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not stopped:
            time.sleep(0.02)
        STATE.write_text(json.dumps(["aws_lambda_function.worker"]))
        _fail("execution halted")
    STATE.write_text(PLAN.read_text())


def _outputs() -> dict[str, Any]:
    values, region = _values(), os.environ["AWS_REGION"]
    lanes = values.get("max_lanes", 50)
    found = {
        "root_uri": f"s3://{values.get('existing_bucket') or f'made-in-{region}'}",
        "region": region,
        "function": f"arn:{region}",
        "function_name": "benchctl-worker",
        "alias": "live",
        "code_version": values["package"]["code_version"],
        "failure_queue": "https://queue",
        "log_group": "/aws/lambda/benchctl-worker",
        "max_lanes": lanes,
        "timeout_s": 900,
        "memory_mb": 1769,
        "architecture": values["package"]["architecture"],
        "allowed_targets": values.get("allowed_targets", []),
        "secrets": values.get("secret_arns") or [f"arn:aws:secretsmanager:{region}"],
        "worker_role": "arn:role",
        "orchestrator_policy": "arn:policy",
    }
    return found | ({"reserved_concurrency": 2 * lanes} if values.get("reserve_concurrency") else {})


def _values() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(VALUES.read_text())
    return found


def _held() -> list[str]:
    found: list[str] = json.loads(STATE.read_text()) if STATE.exists() else []
    return found


def _broken(verb: str) -> bool:
    return os.environ.get("FAKE_FAIL") in (verb, f"{verb}:{HERE.name}")


def _event(kind: str, message: str = "", **more: object) -> None:
    print(json.dumps({"type": kind, "@message": message or kind, **more}), flush=True)


def _fail(summary: str, detail: str = "") -> NoReturn:
    _event("diagnostic", diagnostic={"severity": "error", "summary": summary, "detail": detail})
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
