# Two identities. The worker's may write only what a worker writes, and cannot touch control or go: those are the
# orchestrator's. The orchestrator's may invoke, watch and stop, and cannot change the function or read a secret.
# Policies are written out as JSON so that tests read what is applied.

locals {
  secret_arns     = var.secret_arns == null ? [aws_secretsmanager_secret.api_key[0].arn] : var.secret_arns
  manager_secrets = var.secret_arns == null ? local.secret_arns : [for arn in var.secret_arns : arn if strcontains(arn, ":secretsmanager:")]
  parameters      = [for arn in coalesce(var.secret_arns, []) : arn if strcontains(arn, ":ssm:")]

  runs_arn = "${local.bucket_arn}/runs"

  # Its own keys are read back after a write whose answer was lost.
  worker_writes = [for folder in ["claims", "ready", "progress", "records", "receipts"] : "${local.runs_arn}/*/${folder}/*"]
  worker_reads = concat(
    ["${local.runs_arn}/*/control.json"],
    [for folder in ["go", "texts", "workload", "shards"] : "${local.runs_arn}/*/${folder}/*"],
    local.worker_writes,
  )

  worker_statements = concat(
    [
      { Sid = "ReadRun", Effect = "Allow", Action = ["s3:GetObject"], Resource = local.worker_reads },
      { Sid = "WriteOwnKeys", Effect = "Allow", Action = ["s3:PutObject"], Resource = local.worker_writes },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.worker.arn}:*"] # the group's streams
      },
      { Sid = "ReportFailure", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.failed.arn] },
    ],
    length(local.manager_secrets) == 0 && var.secret_arns != null ? [] : [
      { Sid = "ReadSecrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = local.manager_secrets },
    ],
    length(local.parameters) == 0 ? [] : [
      { Sid = "ReadParameters", Effect = "Allow", Action = ["ssm:GetParameter"], Resource = local.parameters },
    ],
    local.key_statements,
  )

  orchestrator_statements = concat(
    [
      { Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_alias.live.arn] },
      {
        Sid    = "Function"
        Effect = "Allow"
        Action = [
          "lambda:GetAlias",
          "lambda:GetFunctionConfiguration",
          "lambda:GetFunctionEventInvokeConfig",
          "lambda:GetFunctionConcurrency",
          "lambda:PutFunctionConcurrency",
          "lambda:DeleteFunctionConcurrency",
        ]
        Resource = [aws_lambda_function.worker.arn, aws_lambda_alias.live.arn]
      },
      { Sid = "Runs", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = ["${local.runs_arn}/*"] },
      {
        # Without ListBucket S3 answers 403 also where a key is simply not there.
        Sid      = "Bucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetLifecycleConfiguration"]
        Resource = [local.bucket_arn]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:FilterLogEvents"]
        Resource = [aws_cloudwatch_log_group.worker.arn, "${aws_cloudwatch_log_group.worker.arn}:*"]
      },
      {
        Sid      = "Failures"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = [aws_sqs_queue.failed.arn]
      },
      {
        # Reads of the account's own limits; AWS offers no narrower resource for them.
        Sid      = "Limits"
        Effect   = "Allow"
        Action   = ["lambda:GetAccountSettings", "cloudwatch:GetMetricData"]
        Resource = ["*"]
      },
    ],
    local.key_statements,
  )

  key_statements = var.kms_key_arn == null ? [] : [
    { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.kms_key_arn] },
  ]
}

resource "aws_iam_role" "worker" {
  name        = "${local.worker}-${local.region}"
  description = "What a benchctl worker may do"
  tags        = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.worker_statements })
}

# AWS' own policy: network interfaces are made per subnet, and their identifiers are not known beforehand.
resource "aws_iam_role_policy_attachment" "worker_vpc" {
  count = var.vpc == null ? 0 : 1

  role       = aws_iam_role.worker.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
}

resource "aws_iam_policy" "orchestrator" {
  name        = "${var.name}-orchestrator-${local.region}"
  description = "What launching, watching and stopping benchctl runs needs"
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.orchestrator_statements })
  tags        = local.tags
}

resource "aws_iam_role" "orchestrator" {
  count = length(var.orchestrator.principals) == 0 ? 0 : 1

  name                 = "${var.name}-orchestrator-${local.region}"
  description          = "Launches, watches and stops benchctl runs"
  max_session_duration = 43200 # a night's runs
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = var.orchestrator.principals }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "orchestrator" {
  count = length(aws_iam_role.orchestrator) + (var.orchestrator.role == null ? 0 : 1)

  role       = concat(aws_iam_role.orchestrator[*].name, var.orchestrator.role[*])[count.index]
  policy_arn = aws_iam_policy.orchestrator.arn
}

resource "aws_secretsmanager_secret" "api_key" {
  #checkov:skip=CKV_AWS_149:encrypted with the account's own Secrets Manager key; kms_key_arn brings another
  #checkov:skip=CKV2_AWS_57:the key is a third party's, which Secrets Manager cannot rotate
  count = var.secret_arns == null ? 1 : 0

  name                    = "${var.name}/api-key"
  description             = "The endpoint's API key: filled by hand, read by workers"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 0 # down leaves nothing behind, and the name is free for the next up
  tags                    = local.tags
}
