"""What must hold before anything is created: the endpoint answers and knows the model, the root takes writes.

Refused with what to change; nothing is sent but `GET /v1/models`, and the probes of the root leave nothing behind.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from function.contract import keys
from function.contract.errors import NotFound, StoreError, UsageError
from function.store.owned import create_or_read, replace_owned
from function.store.port import ObjectStore
from orchestrator.config.root import Config
from orchestrator.launch.clock import StoreClock, boot_ns, store_clock
from orchestrator.launch.endpoint import Answer, ask_models, tls_context
from orchestrator.launch.headers import Headers
from orchestrator.launch.upload import run_exists
from orchestrator.outcome import Problem

FILES_BESIDE_STREAMS = 64  # descriptors of a worker that are no connection


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`models`: what to ask for, at least one."""

    models: tuple[str, ...]
    problems: tuple[Problem, ...]


def check_endpoint(config: Config, root: str, headers: Headers) -> Endpoint:
    """Raises UsageError: `endpoint_unreachable`, `endpoint_tls`, and what `judge_endpoint` raises."""
    server = config.server
    tls = None
    if root.startswith("https:"):
        tls = tls_context(server.ca_file, server.cert_path, server.key_path)
    return judge_endpoint(config, root, headers, ask_models(root, headers.values, tls))


def judge_endpoint(config: Config, root: str, headers: Headers, answer: Answer) -> Endpoint:
    """What `GET /v1/models` said, whoever asked. Raises UsageError: `key_refused`, `endpoint_redirects`,
    `model_unknown`."""
    _refuse(answer, root, headers)
    listed = answer.models if answer.status == 200 else None
    named = config.server.model_name
    if named is None:
        if not listed:
            raise UsageError(
                f"{root}/v1/models names no model (HTTP {answer.status})",
                path="server.model_name",
                hint="name the model to ask for",
                code="model_unknown",
            )
        return Endpoint((listed[0],), tuple(_several(listed)))
    return Endpoint((named,), tuple(_strange(named, listed, answer, root)))


def check_root(run: ObjectStore, run_id: str) -> StoreClock:
    """Whether this run can be created: nobody has its id, and conditional writes work. Returns the store's clock."""
    try:
        run.get(keys.PLAN)
        raise run_exists(run_id)
    except NotFound:
        pass
    except StoreError as error:
        raise unwritable(run, error) from error
    try:
        return probe_clock(run)
    except StoreError as error:
        raise unwritable(run, error) from error


def probe_clock(run: ObjectStore) -> StoreClock:
    """The store's clock, by a write that leaves nothing behind. Raises StoreError where conditional writes fail."""
    key, asked_ns = f"probe-{secrets.token_hex(8)}", boot_ns()
    made = create_or_read(run, key, b"created")
    clock = store_clock(made.stored, asked_ns, boot_ns())
    try:
        if made.body != b"created" or replace_owned(run, key, b"replaced", made.stored.version) is None:
            raise StoreError("conditional writes do not work there")
    finally:
        run.delete(key)
    return clock


def allow_files(streams_per_lane: int | None) -> None:
    """Raise this process's limit of open files, which workers inherit, as far as it goes.

    Raises UsageError (`file_limit`) when that is too little for the streams one lane is known to need.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS says "unlimited" and refuses it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    needed = (streams_per_lane or 0) + FILES_BESIDE_STREAMS
    if soft != resource.RLIM_INFINITY and needed > soft:
        raise UsageError(
            f"a lane needs {needed} open files, and this machine allows a process {soft}",
            path="fanout.lanes",
            hint=f"use more lanes, or raise the limit: ulimit -n {needed}",
            code="file_limit",
        )


def _refuse(answer: Answer, root: str, headers: Headers) -> None:
    if answer.status in (401, 403):
        given = headers.key_path
        raise UsageError(
            f"{root} refused {'the key' if given else 'to answer without a key'} (HTTP {answer.status})",
            path=given or "server.api_key",
            hint="check the key" if given else "give a reference: {env: NAME}",
            code="key_refused",
        )
    if 300 <= answer.status < 400:
        target = (answer.location or "").removesuffix("/v1/models")
        raise UsageError(
            f"{root} redirects elsewhere (HTTP {answer.status}), and requests are never redirected",
            path="server.base_url",
            hint=f"write {target}" if target else "name the server itself",
            code="endpoint_redirects",
        )


def _several(listed: tuple[str, ...]) -> Iterator[Problem]:
    if len(listed) > 1:
        yield Problem(
            "model_chosen",
            f"the server offers {len(listed)} models; the first is asked for: {listed[0]}",
            "server.model_name",
            "name one to be sure",
            "warning",
        )


def _strange(named: str, listed: tuple[str, ...] | None, answer: Answer, root: str) -> Iterator[Problem]:
    if listed is not None and named not in listed:
        some = ", ".join(listed[:5]) or "none"
        yield Problem(
            "model_not_listed", f"the server does not list {named}", "server.model_name", f"it lists: {some}", "warning"
        )
    elif listed is None and answer.status != 404:
        yield Problem(
            "models_unavailable",
            f"GET {root}/v1/models answered HTTP {answer.status} without a list of models",
            "server.base_url",
            "requests may fail the same way",
            "warning",
        )


def unwritable(run: ObjectStore, error: StoreError) -> UsageError:
    """What is told where the root takes no run, or not the whole of it."""
    return UsageError(
        f"the run cannot be stored in {run.uri}: {error.message}",
        path="--root",
        hint="name a folder that can be written to and has room",
        code="root_unwritable",
    )
