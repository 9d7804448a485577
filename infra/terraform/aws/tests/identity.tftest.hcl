# Laws of who may do what. The policies are read as they are applied.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { path = "versions.tf", code_version = "0123456789abcdef" }
}

run "as_it_is_by_default" {
  command = apply

  # a worker writes its own keys only
  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Resource if contains(statement.Action, "s3:PutObject")])) == toset(
      [for folder in ["claims", "ready", "progress", "records", "receipts"] : "arn:aws:s3:::benchctl-runs-000000000000-eu-west-1/runs/*/${folder}/*"]
    )
    error_message = "control, go, plan and the report are the orchestrator's"
  }
  assert {
    condition = alltrue([for resource in flatten([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : statement.Resource if anytrue([for action in statement.Action : startswith(action, "s3:")])]) :
      startswith(resource, "arn:aws:s3:::benchctl-runs-000000000000-eu-west-1/runs/*/")
    ])
    error_message = "a worker sees runs and nothing else of the bucket"
  }
  assert {
    condition = toset(flatten(jsondecode(aws_iam_role_policy.worker.policy).Statement[*].Action)) == toset([
      "s3:GetObject", "s3:PutObject", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage", "secretsmanager:GetSecretValue",
    ])
    error_message = "a worker deletes nothing, lists nothing and invokes nothing"
  }
  # no wildcard but the documented reads
  assert {
    condition = alltrue([for action in flatten(concat(
      jsondecode(aws_iam_role_policy.worker.policy).Statement[*].Action,
      jsondecode(aws_iam_policy.orchestrator.policy).Statement[*].Action,
    )) : !strcontains(action, "*")])
    error_message = "every action must be named"
  }
  assert {
    condition     = alltrue([for resource in flatten(jsondecode(aws_iam_role_policy.worker.policy).Statement[*].Resource) : startswith(resource, "arn:aws:")])
    error_message = "every resource of the worker's must be named"
  }
  assert {
    condition = [for statement in jsondecode(aws_iam_policy.orchestrator.policy).Statement : statement.Action if contains(statement.Resource, "*")] == [
      ["lambda:GetAccountSettings", "cloudwatch:GetMetricData"]
    ]
    error_message = "only reads of the account's limits may name every resource"
  }
  assert {
    condition     = alltrue([for statement in concat(jsondecode(aws_iam_role_policy.worker.policy).Statement, jsondecode(aws_iam_policy.orchestrator.policy).Statement) : statement.Effect == "Allow"])
    error_message = "these policies allow"
  }
  # the orchestrator invokes the alias and changes no code
  assert {
    condition     = [for statement in jsondecode(aws_iam_policy.orchestrator.policy).Statement : statement.Resource if contains(statement.Action, "lambda:InvokeFunction")] == [[aws_lambda_alias.live.arn]]
    error_message = "only the alias may be invoked: the limits on events are its"
  }
  assert {
    condition = length(setintersection(toset(flatten(jsondecode(aws_iam_policy.orchestrator.policy).Statement[*].Action)), toset([
      "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:UpdateAlias", "iam:PassRole", "secretsmanager:GetSecretValue",
    ]))) == 0
    error_message = "who launches may neither change the function nor read a secret"
  }
  # only lambda of this account is a worker
  assert {
    condition = jsondecode(aws_iam_role.worker.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = "000000000000" } }
    }]
    error_message = "nobody else may take on the worker's role"
  }
  assert {
    condition     = length(aws_iam_role.orchestrator) == 0
    error_message = "no role is made unless somebody may take it on"
  }
}

run "a_role_for_those_who_were_named" {
  variables {
    orchestrator = { principals = ["arn:aws:iam::000000000000:user/ann"] }
  }
  assert {
    condition     = jsondecode(aws_iam_role.orchestrator[0].assume_role_policy).Statement[0].Principal == { AWS = ["arn:aws:iam::000000000000:user/ann"] }
    error_message = "only those who were named may take it on"
  }
  assert {
    condition     = length(aws_iam_role_policy_attachment.orchestrator) == 1
    error_message = "the role must carry the policy"
  }
}

run "in_another_region_the_policy_joins_the_role" {
  variables {
    orchestrator = { role = "benchctl-orchestrator-eu-west-1" }
  }
  assert {
    condition     = aws_iam_role_policy_attachment.orchestrator[*].role == ["benchctl-orchestrator-eu-west-1"] && length(aws_iam_role.orchestrator) == 0
    error_message = "the existing role must get the policy"
  }
}

run "secrets_that_exist_are_read_and_none_is_made" {
  variables {
    secret_arns = [
      "arn:aws:secretsmanager:eu-west-1:000000000000:secret:mine-AbCdEf",
      "arn:aws:ssm:eu-west-1:000000000000:parameter/mine",
    ]
  }
  command = apply

  assert {
    condition     = length(aws_secretsmanager_secret.api_key) == 0 && output.secrets == var.secret_arns
    error_message = "a secret that exists is enough"
  }
  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : [statement.Action, statement.Resource] if startswith(statement.Sid, "Read") && statement.Sid != "ReadRun"] == [
      [["secretsmanager:GetSecretValue"], ["arn:aws:secretsmanager:eu-west-1:000000000000:secret:mine-AbCdEf"]],
      [["ssm:GetParameter"], ["arn:aws:ssm:eu-west-1:000000000000:parameter/mine"]],
    ]
    error_message = "each is read by its own service, and no other is"
  }
}

run "no_secret_at_all" {
  variables {
    secret_arns = []
  }
  command = apply

  assert {
    condition     = !anytrue([for statement in jsondecode(aws_iam_role_policy.worker.policy).Statement : strcontains(join(",", statement.Action), "secretsmanager")])
    error_message = "nothing to read, nothing allowed"
  }
}
