# Laws of the bucket.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { path = "versions.tf", code_version = "0123456789abcdef" }
}

run "the_bucket_is_private_encrypted_and_versioned" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.runs[0].block_public_acls,
      aws_s3_bucket_public_access_block.runs[0].block_public_policy,
      aws_s3_bucket_public_access_block.runs[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.runs[0].restrict_public_buckets,
    ])
    error_message = "all four public access blocks must be on"
  }
  assert {
    condition     = one(aws_s3_bucket_ownership_controls.runs[0].rule).object_ownership == "BucketOwnerEnforced"
    error_message = "ACLs must be off"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.runs[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "objects must be encrypted"
  }
  assert {
    condition     = one(aws_s3_bucket_versioning.runs[0].versioning_configuration).status == "Enabled"
    error_message = "versions must be kept"
  }
  assert {
    condition     = aws_s3_bucket.runs[0].force_destroy == false
    error_message = "data must not go with the bucket unless somebody said so"
  }
}

run "plain_http_is_denied_for_every_object_and_action" {
  assert {
    condition = jsondecode(aws_s3_bucket_policy.runs[0].policy).Statement == [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource = [
        "arn:aws:s3:::benchctl-runs-000000000000-eu-west-1",
        "arn:aws:s3:::benchctl-runs-000000000000-eu-west-1/*",
      ]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "the policy must deny plain http, and nothing else"
  }
}

run "runs_expire_old_versions_too_and_half_uploads" {
  variables {
    retention_days = 7
  }
  assert {
    condition = [for rule in aws_s3_bucket_lifecycle_configuration.runs[0].rule : [one(rule.filter).prefix, one(rule.expiration).days, one(rule.noncurrent_version_expiration).noncurrent_days] if rule.id == "runs-expire"] == [
      ["runs/", 7, 7]
    ]
    error_message = "runs/ must expire after retention_days, and old versions after 7 days"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.runs[0].rule : one(rule.abort_incomplete_multipart_upload).days_after_initiation if rule.id == "abort-uploads"] == [1]
    error_message = "half uploads must go after a day"
  }
  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.runs[0].rule : rule.status == "Enabled"])
    error_message = "every rule must be on"
  }
  assert {
    condition     = aws_cloudwatch_log_group.worker.retention_in_days == 7
    error_message = "logs must go with the runs"
  }
}

run "an_existing_bucket_is_used_and_not_touched" {
  variables {
    existing_bucket = "of-somebody"
  }
  assert {
    condition = 0 == length(concat(
      aws_s3_bucket.runs, aws_s3_bucket_policy.runs, aws_s3_bucket_versioning.runs,
      aws_s3_bucket_public_access_block.runs, aws_s3_bucket_ownership_controls.runs,
      aws_s3_bucket_lifecycle_configuration.runs, aws_s3_bucket_server_side_encryption_configuration.runs,
    ))
    error_message = "nothing may be set on a bucket of somebody else's"
  }
  assert {
    condition     = output.root_uri == "s3://of-somebody"
    error_message = "runs must go to the bucket that was named"
  }
  assert {
    condition     = one(aws_lambda_function.worker.environment).variables.BENCHCTL_ROOT_URI == "s3://of-somebody"
    error_message = "the worker must accept runs in the bucket that was named"
  }
}

run "a_key_of_ones_own_encrypts_everything" {
  command = apply
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/0"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.runs[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "the bucket must use the key"
  }
  assert {
    condition = alltrue([for key in [
      one(one(aws_s3_bucket_server_side_encryption_configuration.runs[0].rule).apply_server_side_encryption_by_default).kms_master_key_id,
      aws_sqs_queue.failed.kms_master_key_id,
      aws_cloudwatch_log_group.worker.kms_key_id,
      aws_secretsmanager_secret.api_key[0].kms_key_id,
      aws_lambda_function.worker.kms_key_arn,
    ] : key == var.kms_key_arn])
    error_message = "bucket, queue, log, secret and function must use the key"
  }
  assert {
    condition = alltrue([for policy in [aws_iam_role_policy.worker.policy, aws_iam_policy.orchestrator.policy] :
      contains([for statement in jsondecode(policy).Statement : statement.Resource if try(statement.Sid == "Key", false)], [var.kms_key_arn])
    ])
    error_message = "worker and orchestrator must be able to use the key, and no other"
  }
}
