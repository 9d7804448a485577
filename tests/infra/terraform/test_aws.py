"""The AWS module: its form, its own tests under the real provider, the linter, and the keys its rules must match."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from function.contract import keys
from orchestrator.package import target
from orchestrator.providers.deployment import RegionDeployment
from orchestrator.provision.module import MODULES, module_variables
from tests.emulators.installed import NotInstalled, installed
from tests.emulators.terraform import terraform_environment

MODULE = MODULES / "aws"
ALL = {path.name: path.read_text() for path in sorted(MODULE.glob("*.tf"))}
SKIP = re.compile(r"#checkov:skip=(\w+):(.+)")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The module in a folder of its own, initialised: nothing is written into the checkout."""
    scratch = tmp_path_factory.mktemp("terraform")
    folder = scratch / "aws"
    shutil.copytree(MODULE, folder)
    environment = terraform_environment(scratch) | {"AWS_REGION": "eu-west-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        done = terraform(folder, "init", "-input=false", "-backend=false")
        if done.returncode:
            pytest.skip(f"SKIPPED FOR WANT OF A PART: terraform init: {done.stderr[-400:]}")
        yield folder


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["terraform", *arguments, "-no-color"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)


def test_it_is_in_terraforms_own_format(copy: Path) -> None:
    done = terraform(copy, "fmt", "-check", "-recursive", "-diff")
    assert done.returncode == 0, done.stdout


def test_the_provider_takes_it(copy: Path) -> None:
    done = terraform(copy, "validate")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout


def test_its_own_tests_pass(copy: Path) -> None:
    done = terraform(copy, "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! \d\d passed, 0 failed", done.stdout)


def test_every_object_of_a_run_expires() -> None:
    """The prefix that the rule filters by is the one that every key begins with."""
    block = ALL["storage.tf"].split('id     = "runs-expire"')[1]
    prefix = re.search(r'prefix = "(.*?)"', block)
    assert prefix is not None
    attempt = keys.attempt_id(keys.shard_id(0, 1, 2), 0)
    names = [
        *(
            keys.PLAN,
            keys.CONFIG,
            keys.CONTROL,
            keys.ORCHESTRATOR,
            keys.go("0-0"),
            keys.text("0a"),
            "report/summary.json",
        ),
        *(keys.workload("0-1-2"), keys.spec("0-1-2"), keys.receipt("0-1-2")),
        *(keys.claim(attempt), keys.ready(attempt), keys.progress(attempt), keys.part(attempt, 3)),
    ]
    for name in names:
        assert f"{keys.RUNS}some-run/{name}".startswith(prefix[1])


def test_a_worker_may_read_and_write_exactly_what_a_worker_does() -> None:
    """The folders that the policy names are those of the contract."""
    identity = ALL["identity.tf"]
    writes = re.search(r"worker_writes = \[for folder in \[(.*?)\]", identity)
    reads = re.search(r'\[for folder in \[("go".*?)\]', identity)
    assert writes is not None and reads is not None
    written = {keys.CLAIMS, keys.READY, keys.PROGRESS, keys.RECORDS, keys.RECEIPTS}
    assert {f"{name}/" for name in re.findall(r'"(\w+)"', writes[1])} == written
    assert {f"{name}/" for name in re.findall(r'"(\w+)"', reads[1])} == {
        keys.GO,
        keys.TEXTS,
        keys.WORKLOAD,
        keys.SHARDS,
    }
    assert f'/*/{keys.CONTROL}"' in identity


def test_the_package_is_what_the_function_runs() -> None:
    assert f'"{target.HANDLER}"' in ALL["function.tf"]
    assert f'"{target.RUNTIME}"' in ALL["function.tf"]


def test_its_outputs_are_what_launching_reads() -> None:
    outputs = set(re.findall(r'^output "(\w+)"', ALL["outputs.tf"], re.MULTILINE))
    fields = set(RegionDeployment.__dataclass_fields__)
    assert fields | {"root_uri"} <= outputs
    assert outputs - fields == {"root_uri", "orchestrator_policy", "orchestrator_role"}


def test_every_variable_and_output_is_explained() -> None:
    for kind, file in (("variable", "variables.tf"), ("output", "outputs.tf")):
        blocks = re.findall(rf'^{kind} "(\w+)" \{{\n(.*?)^\}}', ALL[file], re.MULTILINE | re.DOTALL)
        assert blocks
        for name, body in blocks:
            assert re.search(r'^  description\s+= ".{10,}"$', body, re.MULTILINE), name
    assert len(module_variables("aws")) < 20


def test_one_provider_a_range_and_no_lock() -> None:
    assert re.findall(r"source\s+= \"(.*?)\"", ALL["versions.tf"]) == ["hashicorp/aws"]
    assert not [name for name, text in ALL.items() if re.search(r"^provider ", text, re.MULTILINE)]
    kinds = {kind for text in ALL.values() for kind in re.findall(r'^(?:resource|data) "(\w+)"', text, re.MULTILINE)}
    assert kinds and all(kind.startswith("aws_") for kind in kinds)
    assert not list(MODULE.rglob(".terraform*"))


def test_the_linter_finds_nothing_but_what_is_excused(copy: Path) -> None:
    try:
        packages = installed("checkov")
    except NotInstalled as error:
        pytest.skip(f"SKIPPED FOR WANT OF A PART: checkov: {error}")
    words = [sys.executable, "-m", "checkov.main", "-d", str(MODULE), "--framework", "terraform"]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(packages),
        "HOME": str(copy.parent),
        "LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [*words, "--skip-download", "--quiet", "--compact"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    counted = re.search(r"Passed checks: (\d+), Failed checks: (\d+), Skipped checks: (\d+)", done.stdout)
    assert counted is not None, done.stdout + done.stderr
    passed, failed, skipped = map(int, counted.groups())
    assert (done.returncode, failed) == (0, 0), done.stdout
    assert passed > 30
    excuses = [excuse for text in ALL.values() for excuse in SKIP.findall(text)]
    assert skipped == len(excuses)  # each is needed
    assert all(len(reason) > 30 for _, reason in excuses)
