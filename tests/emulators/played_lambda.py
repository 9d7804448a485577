"""AWS as a launch meets it, with workers of this very code behind: an event starts a worker process on this machine.

What a test wants to go wrong it says beforehand: events refused, delivered twice, lost, or ended by the platform. The
store is whatever the payload names. For how a whole AWS behaves there is `emulators/aws`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from function.contract.version import code_version
from orchestrator.providers.deployment import Deployment, RegionDeployment, write_deployment
from tests.emulators.played_aws import Call, PlayedAws, Reply, played_aws, refused

WHO = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::1:user/me</Arn><UserId>u</UserId><Account>1</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
LIMITS = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}}
TIMEOUT_S, MEMORY_MB = 120, 512
HIDDEN_S = 10.0


@dataclass
class Troubles:
    """Shard ids, each struck once. `throttled`: 429 so often. `killed`: by the platform after so many seconds."""

    throttled: int = 0
    doubled: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    unborn: set[str] = field(default_factory=set)
    killed: dict[str, float] = field(default_factory=dict)


class PlayedLambda:
    """`events`: the payloads taken, in order."""

    def __init__(self, aws: PlayedAws, environment: Mapping[str, str], cwd: Path) -> None:
        self.aws = aws
        self.troubles = Troubles()
        self.events: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.forgotten: list[str] = []
        self.probe: dict[str, Any] = {}
        self.root_uri = ""
        self._environment = dict(environment)
        self._cwd = cwd
        self._workers: list[subprocess.Popen[bytes]] = []
        self._hidden: dict[str, float] = {}
        self._threads: list[threading.Thread] = []
        aws.answers["Invoke"] = self._invoke
        aws.answers["ReceiveMessage"] = self._receive
        aws.answers["DeleteMessageBatch"] = self._delete

    def close(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        for thread in self._threads:
            thread.join(10)

    def fail(self, event: Mapping[str, Any], kind: str, said: str, request: str = "") -> None:
        """A message in the failure queue, as an on-failure destination leaves it."""
        record = {
            "requestContext": {"requestId": request or str(uuid.uuid4()), "condition": "RetriesExhausted"},
            "requestPayload": dict(event),
            "responsePayload": {"errorType": kind, "errorMessage": said},
        }
        number = len(self.failures)
        self.failures.append({"MessageId": f"m{number}", "ReceiptHandle": f"h{number}", "Body": json.dumps(record)})

    def _invoke(self, call: Call) -> Reply:
        kind = call.headers["x-amz-invocation-type"]
        if kind == "DryRun":
            return Reply(b"", 204)
        if kind == "RequestResponse":
            guard = {**self.probe["guard"], "root_uri": self.root_uri}
            return Reply({**self.probe, "wall_ns": time.time_ns(), "guard": guard})
        if self.troubles.throttled:
            self.troubles.throttled -= 1
            return refused("TooManyRequestsException", 429, "Rate Exceeded.")
        event = call.json
        self.events.append(event)
        shard, request = event["shard"], str(uuid.uuid4())
        if shard in self.troubles.lost:
            self.troubles.lost.remove(shard)
        elif shard in self.troubles.unborn:
            self.troubles.unborn.remove(shard)
            self.fail(event, "Runtime.ImportModuleError", "Unable to import module", request)
        else:
            times = 2 if shard in self.troubles.doubled else 1
            self.troubles.doubled.discard(shard)
            for _ in range(times):
                self._start(event, request)
        return Reply(b"", 202)

    def _start(self, event: Mapping[str, Any], request: str) -> None:
        worker = subprocess.Popen(
            [sys.executable, "-m", "function.entry.local"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd=self._cwd,
        )
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(event).encode())
        worker.stdin.close()
        self._workers.append(worker)
        after_s = self.troubles.killed.pop(str(event["shard"]), None)
        thread = threading.Thread(target=self._await, args=(worker, event, request, after_s), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _await(
        self, worker: subprocess.Popen[bytes], event: Mapping[str, Any], request: str, after_s: float | None
    ) -> None:
        try:
            worker.wait(after_s)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
            self.fail(event, "Sandbox.Timedout", f"Task timed out after {after_s:.2f} seconds", request)
            return
        if worker.returncode:
            assert worker.stderr is not None
            self.fail(event, "Runtime.ExitError", worker.stderr.read().decode()[-300:], request)

    def _receive(self, call: Call) -> Reply:
        now = time.monotonic()
        found = [one for one in self.failures if self._hidden.get(one["MessageId"], 0.0) <= now][:10]
        for one in found:
            self._hidden[one["MessageId"]] = now + HIDDEN_S
        if not found:
            time.sleep(min(0.2, call.json.get("WaitTimeSeconds", 0)))
        return Reply({"Messages": found})

    def _delete(self, call: Call) -> Reply:
        handles = [entry["ReceiptHandle"] for entry in call.json["Entries"]]
        self.forgotten += handles
        self.failures = [one for one in self.failures if one["ReceiptHandle"] not in handles]
        return Reply({"Successful": [], "Failed": []})


@contextmanager
def played_lambda(environment: Mapping[str, str], cwd: Path) -> Iterator[PlayedLambda]:
    """`environment`: the workers'. `cwd`: from where they find this code."""
    with played_aws() as aws:
        aws.script("GetCallerIdentity", Reply(WHO, headers={"Content-Type": "text/xml"}))
        aws.script("GET /2016-08-19/account-settings", Reply(LIMITS))
        for name in ("first", "second"):
            found = {"State": "Active", "LastUpdateStatus": "Successful", "Timeout": TIMEOUT_S, "MemorySize": MEMORY_MB}
            aws.script(f"GET /2015-03-31/functions/{name}/configuration", Reply(found))
            quiet = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
            quiet |= {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:x:1:failed"}}}
            aws.script(f"GET /2019-09-25/functions/{name}/event-invoke-config", Reply(quiet))
            aws.script(f"GET /2019-09-30/functions/{name}/concurrency", Reply({}))
        aws.script("GetQueueAttributes", Reply({"Attributes": {}}))
        played = PlayedLambda(aws, environment, cwd)
        try:
            yield played
        finally:
            played.close()


def provision(state: Path, root: str, target: str, lanes: int = 10, **changes: Any) -> Deployment:
    """What `infra up` would have left: two regions, which call `target`."""

    def region(name: str, function: str) -> RegionDeployment:
        fields: dict[str, Any] = {
            "region": name,
            "function": f"arn:aws:lambda:{name}:1:function:{function}:live",
            "function_name": function,
            "alias": "live",
            "code_version": code_version(),
            "failure_queue": f"http://queue/1/{function}",
            "log_group": f"/aws/lambda/{function}",
            "max_lanes": lanes,
            "timeout_s": TIMEOUT_S,
            "memory_mb": MEMORY_MB,
            "architecture": "arm64",
            "allowed_targets": (target,),
            "worker_role": "arn:aws:iam::1:role/worker",
            **changes,
        }
        return RegionDeployment(**fields)

    made = Deployment(
        provider="aws", root_uri=root, regions=(region("us-east-1", "first"), region("eu-west-1", "second"))
    )
    write_deployment(made, state)
    return made


def seen_by_worker(target: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A probe's answer, all well but for what is given."""
    guard = {"allowed_targets": [], "allowed_cidrs": [], "max_lanes": 10, "root_uri": "s3://b"}
    guard |= {"max_requests_per_s": 1e3, "max_duration_s": 1e3}
    return {
        "code_version": code_version(),
        "python": "3.13.0",
        "architecture": "arm64",
        "wall_ns": time.time_ns(),
        "guard": guard,
        "target": {"root": "http://t", "allowed": True, "connected": True, "http_status": 200, **(target or {})},
        **changes,
    }
