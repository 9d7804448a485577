"""One account for the whole session: provisioning takes a minute, of waits inside the provider itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from function.contract.errors import BenchctlError
from orchestrator.package.build import Package, build_package
from tests.e2e.aws.account import FUNCTION, Account
from tests.e2e.harness import Ended
from tests.emulators.aws.cloud import running_cloud
from tests.emulators.aws.lambda_service import Settings
from tests.emulators.aws.runtime import RuntimeUnavailable, architecture
from tests.emulators.ministack import MinistackUnavailable
from tests.emulators.terraform import terraform_environment

FOLDER = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journey comes first: it runs its local half while Terraform waits."""
    places = [place for place, item in enumerate(items) if item.path.parent == FOLDER]
    ours = sorted((items[place] for place in places), key=lambda item: item.path.stem != "test_journey")
    for place, item in zip(places, ours):
        items[place] = item
        item.add_marker(pytest.mark.timeout(900))  # the first one also waits for all that it stands on


@pytest.fixture(scope="session")
def worker_package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The real zip, for this machine: sandboxes are processes of it."""
    try:
        return build_package(architecture(), tmp_path_factory.mktemp("package"))
    except BenchctlError as error:
        if error.code == "package_wheels":
            pytest.skip(
                f"SKIPPED FOR WANT OF A PART: pip does not reach the function's dependencies: {error.message[-200:]}"
            )
        raise


@pytest.fixture(scope="session")
def being_provisioned(
    worker_package: Package, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Account, Future[Ended]]]:
    """The account while `infra up` is under way, and its end: most of it is waiting, which need not be idle."""
    folder = tmp_path_factory.mktemp("account")
    # A minute of Lambda's becomes 3 s. Inits are made two at a time: more at once would take longer each on two cores.
    settings = Settings(time_scale=0.05, init_limit_s=20)
    terraform = terraform_environment(tmp_path_factory.mktemp("terraform"))
    try:
        with running_cloud((FUNCTION,), settings) as cloud, ThreadPoolExecutor(1) as beside:
            made = Account(cloud, folder, terraform)
            up = beside.submit(made.up, worker_package.path)
            try:
                yield made, up
            finally:
                up.exception()  # whatever became of it, it is over
                _take_down(made)
    except (MinistackUnavailable, RuntimeUnavailable) as error:
        pytest.skip(f"SKIPPED FOR WANT OF A PART: {error}")


@pytest.fixture(scope="session")
def account(being_provisioned: tuple[Account, Future[Ended]]) -> Account:
    """As it stands after `infra up`. Each test leaves it without planned faults."""
    made, up = being_provisioned
    assert up.result().exit_code == 0, up.result().stdout + up.result().stderr
    return made


def _take_down(account: Account) -> None:
    """The last assertion of the session: after `infra down` nothing of ours is left, in the account or here."""
    down = account.down()
    assert down.exit_code == 0, down.stdout + down.stderr
    assert account.leftovers() == {}
    assert {path.name for path in account.state.rglob("*") if path.is_file()} <= {"emulator.tf"}
