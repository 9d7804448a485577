# Everything that launching needs. The names are the same on every cloud.

output "root_uri" {
  description = "What holds runs/."
  value       = "s3://${local.bucket}"
}

output "region" {
  description = "Where this is."
  value       = local.region
}

output "function" {
  description = "What is invoked: the alias' ARN."
  value       = aws_lambda_alias.live.arn
}

output "function_name" {
  description = "The function's name."
  value       = aws_lambda_function.worker.function_name
}

output "alias" {
  description = "The alias' name."
  value       = aws_lambda_alias.live.name
}

output "code_version" {
  description = "Version of the code in the package."
  value       = var.package.code_version
}

output "failure_queue" {
  description = "URL of the queue that gets the events of failed invocations."
  value       = aws_sqs_queue.failed.url
}

output "log_group" {
  description = "Where workers log."
  value       = aws_cloudwatch_log_group.worker.name
}

output "max_lanes" {
  description = "The most lanes that a run may have."
  value       = var.max_lanes
}

output "timeout_s" {
  description = "The function's limit, in seconds."
  value       = var.timeout_s
}

output "memory_mb" {
  description = "Memory of one worker."
  value       = var.memory_mb
}

output "architecture" {
  description = "arm64 or x86_64."
  value       = var.package.architecture
}

output "allowed_targets" {
  description = "The endpoints that workers may call."
  value       = local.allowed_targets
}

output "secrets" {
  description = "ARNs of the secrets that workers may read."
  value       = local.secret_arns
}

output "worker_role" {
  description = "ARN of the workers' role."
  value       = aws_iam_role.worker.arn
}

output "reserved_concurrency" {
  description = "Concurrency kept for the workers alone; null: they share the account's."
  value       = var.reserve_concurrency ? 2 * var.max_lanes : null
}

output "orchestrator_policy" {
  description = "ARN of the policy that whoever launches runs needs."
  value       = aws_iam_policy.orchestrator.arn
}

output "orchestrator_role" {
  description = "Name of the role that carries the policy; null where none was asked for."
  value       = try(aws_iam_role.orchestrator[0].name, var.orchestrator.role)
}
