# What is refused before anything is planned. Every variable named here must be refused by itself.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { path = "versions.tf", code_version = "0123456789abcdef" }
}

run "what_cannot_be" {
  command = plan

  variables {
    name               = "Bench_Control"
    package            = { path = "versions.tf", code_version = "latest", architecture = "riscv" }
    allowed_targets    = ["https://llm.example.com/v1"]
    allowed_cidrs      = ["10.0.0.7"]
    timeout_s          = 901
    memory_mb          = 127
    max_lanes          = 0
    max_requests_per_s = 0
    max_duration_s     = -1
    retention_days     = 31
    secret_arns        = ["arn:aws:secretsmanager:eu-west-1:000000000000:secret:*"]
    orchestrator       = { principals = ["*"] }
    budget             = { monthly_usd = 20, emails = [] }
    vpc                = { subnet_ids = [], security_group_ids = ["sg-1"] }
  }
  expect_failures = [
    var.name, var.package, var.allowed_targets, var.allowed_cidrs, var.timeout_s, var.memory_mb, var.max_lanes,
    var.max_requests_per_s, var.max_duration_s, var.retention_days, var.secret_arns, var.orchestrator, var.budget, var.vpc,
  ]
}

run "targets_have_no_wildcards" {
  command = plan
  variables {
    allowed_targets = ["https://*.example.com"]
  }
  expect_failures = [var.allowed_targets]
}

run "targets_carry_no_password" {
  command = plan
  variables {
    allowed_targets = ["https://user:word@llm.example.com"]
  }
  expect_failures = [var.allowed_targets]
}
