# Laws of the function: how it is called, what limits it, and that nothing calls it twice.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package         = { path = "versions.tf", code_version = "0123456789abcdef", architecture = "x86_64" }
  allowed_targets = ["https://LLM.example.com", "http://10.0.0.7:8000", "http://[fd00::1]"]
  allowed_cidrs   = ["10.0.0.0/16"]
  max_lanes       = 7
}

# Each run takes a second, so one looks at much.
run "as_it_is_by_default" {
  # it is the package that was named
  assert {
    condition     = aws_lambda_function.worker.runtime == "python3.13" && aws_lambda_function.worker.architectures == tolist(["x86_64"])
    error_message = "runtime and architecture must be the package's"
  }
  assert {
    condition     = aws_lambda_function.worker.handler == "function.entry.aws_lambda.handler"
    error_message = "the handler must be the package's"
  }
  assert {
    condition     = aws_lambda_function.worker.source_code_hash == filebase64sha256("versions.tf") && aws_lambda_function.worker.publish
    error_message = "another package must make another version"
  }
  assert {
    condition     = output.code_version == "0123456789abcdef"
    error_message = "launch checks the version of the code"
  }
  # it has one cpu and lambdas whole time
  assert {
    condition     = aws_lambda_function.worker.memory_size == 1769 && aws_lambda_function.worker.timeout == 900
    error_message = "1769 MB are one vCPU, 900 s the platform's limit"
  }
  assert {
    condition     = output.memory_mb == 1769 && output.timeout_s == 900
    error_message = "plans are made by these outputs"
  }
  # its limits are terraforms and not the payloads
  assert {
    condition = one(aws_lambda_function.worker.environment).variables == tomap({
      BENCHCTL_ALLOWED_TARGETS    = "https://llm.example.com:443,http://10.0.0.7:8000,http://[fd00::1]:80"
      BENCHCTL_ALLOWED_CIDRS      = "10.0.0.0/16"
      BENCHCTL_MAX_LANES          = "7"
      BENCHCTL_MAX_REQUESTS_PER_S = "1000"
      BENCHCTL_MAX_DURATION_S     = "14400"
      BENCHCTL_ROOT_URI           = "s3://benchctl-runs-000000000000-eu-west-1"
    })
    error_message = "the environment must hold the limits, with every port written out, and nothing else"
  }
  # concurrency is reserved only when asked
  assert {
    condition     = aws_lambda_function.worker.reserved_concurrent_executions == -1 && output.reserved_concurrency == null
    error_message = "a fresh account cannot reserve anything"
  }
  # it logs json to a group of its own and has no vpc
  assert {
    condition     = one(aws_lambda_function.worker.logging_config).log_format == "JSON" && one(aws_lambda_function.worker.logging_config).log_group == output.log_group
    error_message = "logs must be JSON in the group that expires"
  }
  assert {
    condition     = length(aws_lambda_function.worker.vpc_config) == 0 && length(aws_iam_role_policy_attachment.worker_vpc) == 0
    error_message = "a NAT gateway distorts what is measured"
  }
  # no budget by itself
  assert {
    condition     = length(aws_budgets_budget.month) == 0
    error_message = "a budget wants an address"
  }
}

run "events_are_never_run_again_and_failures_are_kept" {
  command = apply

  assert {
    condition     = aws_lambda_function_event_invoke_config.live.maximum_retry_attempts == 0
    error_message = "a retry would send the load again"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.live.maximum_event_age_in_seconds == 60
    error_message = "an event of a minute ago must not begin any more"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.live.qualifier == aws_lambda_alias.live.name && aws_lambda_alias.live.name == "live"
    error_message = "the config is per qualifier, and the alias is what is invoked"
  }
  assert {
    condition     = aws_lambda_alias.live.function_version == "7"
    error_message = "the alias must point to the version that was published"
  }
  assert {
    condition     = one(one(aws_lambda_function_event_invoke_config.live.destination_config).on_failure).destination == aws_sqs_queue.failed.arn
    error_message = "failed events must go to the queue"
  }
  assert {
    condition     = output.function == aws_lambda_alias.live.arn && output.failure_queue == aws_sqs_queue.failed.url
    error_message = "what is invoked is the alias"
  }
}

run "without_targets_nothing_may_be_called" {
  variables {
    allowed_targets = []
    allowed_cidrs   = []
  }
  assert {
    condition     = one(aws_lambda_function.worker.environment).variables.BENCHCTL_ALLOWED_TARGETS == "" && one(aws_lambda_function.worker.environment).variables.BENCHCTL_ALLOWED_CIDRS == ""
    error_message = "the default must allow nothing"
  }
}

run "what_is_made_only_when_asked" {
  variables {
    vpc                 = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    budget              = { monthly_usd = 20, emails = ["a@example.com"] }
    reserve_concurrency = true
  }
  # a vpc when asked
  assert {
    condition     = one(aws_lambda_function.worker.vpc_config).subnet_ids == toset(["subnet-1"])
    error_message = "the function must be in the subnet"
  }
  assert {
    condition     = length(aws_iam_role_policy_attachment.worker_vpc) == 1
    error_message = "the role must be able to make network interfaces"
  }
  # a budget when asked
  assert {
    condition     = aws_budgets_budget.month[0].limit_amount == "20" && flatten([for found in aws_budgets_budget.month[0].notification : tolist(found.subscriber_email_addresses) if found.notification_type == "ACTUAL"]) == ["a@example.com"]
    error_message = "the address must hear of 80 %"
  }
  # two slices fit into the reservation
  assert {
    condition     = aws_lambda_function.worker.reserved_concurrent_executions == 14 && output.reserved_concurrency == 14
    error_message = "at a seam twice as many functions run as there are lanes"
  }
}
