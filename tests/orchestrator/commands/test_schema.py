import json

from orchestrator.commands.schema import run
from orchestrator.config.schema import json_schema


def test_the_schema_is_the_result_and_what_is_printed() -> None:
    outcome = run()
    assert outcome.exit_code == 0 and outcome.result == json_schema() == json.loads(outcome.human)
