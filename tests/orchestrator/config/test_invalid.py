from function.contract.errors import UsageError
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.outcome import Problem

ONE = Problem("unknown_key", "is odd", "a.b", "write c")
TWO = Problem("missing_key", "is missing", "d")
WARNING = Problem("no_effect", "does nothing", "e", severity="warning")


def test_one_error_speaks_for_itself() -> None:
    error = ConfigInvalid("x.yaml", [WARNING, ONE])
    assert isinstance(error, UsageError) and error.exit_code == 2
    assert (error.code, error.path, error.hint, error.message) == ("unknown_key", "a.b", "write c", "is odd")
    assert error.problems == (WARNING, ONE)


def test_several_are_counted_without_warnings() -> None:
    error = ConfigInvalid("x.yaml", [ONE, WARNING, TWO])
    assert (error.code, error.path, error.message) == ("config_invalid", "", "x.yaml has 2 problems")
