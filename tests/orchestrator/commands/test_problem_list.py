from orchestrator.commands.problem_list import problem_list
from orchestrator.outcome import Problem


def test_errors_first_the_key_first_and_the_remedy_below() -> None:
    text = problem_list(
        [
            Problem("no_effect", "does nothing", "a.b", "leave it out", severity="warning"),
            Problem("yaml", "is broken"),
        ]
    )
    assert text.splitlines() == [
        "error   is broken  [yaml]",
        "warning a.b: does nothing  [no_effect]",
        "        leave it out",
    ]
    assert problem_list([]) == ""
