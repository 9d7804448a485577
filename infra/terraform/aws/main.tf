# One region's worth of benchctl: a function that workers run in, the bucket through which they and the orchestrator
# speak, and the identities of both. The provider is the caller's; its region is the one this is made in.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id

  # Bucket and role names are not per region: the region is part of them.
  bucket     = coalesce(var.existing_bucket, "${var.name}-runs-${local.account}-${local.region}")
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket}"
  worker     = "${var.name}-worker"

  # A default port is written out: the worker compares scheme, host and port as text.
  allowed_targets = [
    for target in var.allowed_targets :
    lower(can(regex(":[0-9]+$", target)) ? target : "${target}:${startswith(target, "https:") ? 443 : 80}")
  ]

  tags = { application = "benchctl", benchctl = var.name }
}
