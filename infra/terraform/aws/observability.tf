# What is left of a worker that failed: its log and its event. And a word when money is spent.

resource "aws_cloudwatch_log_group" "worker" {
  #checkov:skip=CKV_AWS_158:encrypted by CloudWatch itself; kms_key_arn brings a key of one's own
  #checkov:skip=CKV_AWS_338:logs are for the run they belong to, and go with it after retention_days
  name              = "/aws/lambda/${local.worker}"
  retention_in_days = var.retention_days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

resource "aws_sqs_queue" "failed" {
  name                      = "${var.name}-failed"
  message_retention_seconds = 345600 # 4 days: longer than any run, and a weekend
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = local.tags
}

resource "aws_budgets_budget" "month" {
  count = var.budget == null ? 0 : 1

  name         = "${var.name}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.budget.monthly_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  tags         = local.tags

  # By service: a filter on tags counts nothing until somebody activates them for billing.
  cost_filter {
    name = "Service"
    values = [
      "AWS Lambda",
      "Amazon Simple Storage Service",
      "Amazon Simple Queue Service",
      "AmazonCloudWatch",
      "AWS Secrets Manager",
    ]
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "ACTUAL"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = var.budget.emails
  }

  notification {
    comparison_operator        = "GREATER_THAN"
    notification_type          = "FORECASTED"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = var.budget.emails
  }
}
