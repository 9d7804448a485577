# The function: one invocation is one shard. It is called through an alias, is never run again by the platform, and
# what the platform could not run ends in the failure queue.

resource "aws_lambda_function" "worker" {
  #checkov:skip=CKV_AWS_115:reserved concurrency is reserve_concurrency's; by default it would fail on a fresh account
  #checkov:skip=CKV_AWS_116:failed events go to the queue by the alias' event invoke config; a second path would count them twice
  #checkov:skip=CKV_AWS_117:outside a VPC by default: NAT gateways and shared network interfaces distort what is measured
  #checkov:skip=CKV_AWS_173:the environment holds addresses and limits, no secret; kms_key_arn brings a key of one's own
  #checkov:skip=CKV_AWS_272:the package is built by who deploys it, and its hash is checked by every worker against the plan
  function_name = local.worker
  description   = "benchctl ${var.package.code_version}"
  role          = aws_iam_role.worker.arn

  filename         = var.package.path
  source_code_hash = filebase64sha256(var.package.path)
  runtime          = "python3.13"
  architectures    = [var.package.architecture]
  handler          = "function.entry.aws_lambda.handler"
  publish          = true

  memory_size                    = var.memory_mb
  timeout                        = var.timeout_s
  reserved_concurrent_executions = var.reserve_concurrency ? 2 * var.max_lanes : -1
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = {
      BENCHCTL_ALLOWED_TARGETS    = join(",", local.allowed_targets)
      BENCHCTL_ALLOWED_CIDRS      = join(",", var.allowed_cidrs)
      BENCHCTL_MAX_LANES          = tostring(var.max_lanes)
      BENCHCTL_MAX_REQUESTS_PER_S = tostring(var.max_requests_per_s)
      BENCHCTL_MAX_DURATION_S     = tostring(var.max_duration_s)
      BENCHCTL_ROOT_URI           = "s3://${local.bucket}"
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.worker.name
  }

  tracing_config {
    mode = "PassThrough"
  }

  tags = local.tags

  # Without its permissions the first invocation after an apply would fail; with an own log group none is made by itself.
  depends_on = [aws_iam_role_policy.worker, aws_iam_role_policy_attachment.worker_vpc]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What benchctl invokes"
  function_name    = aws_lambda_function.worker.function_name
  function_version = aws_lambda_function.worker.version
}

# Per qualifier: it must be on the alias, for that is what is invoked. A second delivery would be load nobody planned.
resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.worker.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }

  depends_on = [aws_iam_role_policy.worker]
}
