# The bucket that holds runs/: private, encrypted, over TLS only, and emptied by age.

resource "aws_s3_bucket" "runs" {
  #checkov:skip=CKV_AWS_18:access logs would be a second bucket to secure; every run's own objects say who wrote what
  #checkov:skip=CKV_AWS_144:results are reproducible and kept for days; a copy in another region is not worth its price
  #checkov:skip=CKV_AWS_145:SSE-S3 by default; kms_key_arn brings a key of one's own
  #checkov:skip=CKV2_AWS_62:nothing acts on new objects; workers and orchestrator poll by design
  count = var.existing_bucket == null ? 1 : 0

  bucket        = local.bucket
  force_destroy = var.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "runs" {
  count = length(aws_s3_bucket.runs)

  bucket                  = aws_s3_bucket.runs[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "runs" {
  count = length(aws_s3_bucket.runs)

  bucket = aws_s3_bucket.runs[0].id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "runs" {
  count = length(aws_s3_bucket.runs)

  bucket = aws_s3_bucket.runs[0].id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
    bucket_key_enabled = true
  }
}

resource "aws_s3_bucket_versioning" "runs" {
  count = length(aws_s3_bucket.runs)

  bucket = aws_s3_bucket.runs[0].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "runs" {
  count = length(aws_s3_bucket.runs)

  bucket = aws_s3_bucket.runs[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.runs]
}

# Run ids lie directly under runs/, so one prefix without a leading slash matches every object of every run.
resource "aws_s3_bucket_lifecycle_configuration" "runs" {
  count = length(aws_s3_bucket.runs)

  bucket = aws_s3_bucket.runs[0].id

  rule {
    id     = "runs-expire"
    status = "Enabled"
    filter {
      prefix = "runs/"
    }
    expiration {
      days = var.retention_days
    }
    # control, progress and what was deleted leave old versions behind
    noncurrent_version_expiration {
      noncurrent_days = 7
    }
  }

  rule {
    id     = "abort-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "delete-markers"
    status = "Enabled"
    filter {
      prefix = "runs/"
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  depends_on = [aws_s3_bucket_versioning.runs]
}
