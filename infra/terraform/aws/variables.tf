variable "name" {
  description = "First word of every name that is made here, so that several benchctls fit in one account."
  type        = string
  default     = "benchctl"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name: 2 to 20 lower-case letters, digits and hyphens, the first a letter, the last no hyphen."
  }
}

variable "package" {
  description = "The worker's zip as `benchctl package --provider aws` builds it: its path, the version of the code in it, and the architecture it is for (arm64 or x86_64). `benchctl infra up` sets it."
  type = object({
    path         = string
    code_version = string
    architecture = optional(string, "arm64")
  })

  validation {
    condition     = contains(["arm64", "x86_64"], var.package.architecture)
    error_message = "package.architecture: arm64 or x86_64."
  }
  validation {
    condition     = can(regex("^[0-9a-f]{16}$", var.package.code_version))
    error_message = "package.code_version: 16 hexadecimal digits, as `benchctl package --json` gives them."
  }
}

variable "allowed_targets" {
  description = "The endpoints that workers may call, as scheme://host or scheme://host:port. Empty: none, whatever a payload says."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for target in var.allowed_targets : can(regex("^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$", target))])
    error_message = "allowed_targets: each as https://host or https://host:port (or http://), without a path, user or wildcard."
  }
  validation {
    condition     = length(join(",", var.allowed_targets)) <= 2000
    error_message = "allowed_targets: at most 2,000 characters in all; a function's whole environment holds 4 kB."
  }
}

variable "allowed_cidrs" {
  description = "Private or loopback ranges that a target's name may resolve to, for endpoints inside a VPC. Public addresses need none; metadata and link-local addresses are always refused."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.allowed_cidrs : can(cidrhost(range, 0))])
    error_message = "allowed_cidrs: each in CIDR notation, as in 10.0.0.0/16."
  }
  validation {
    condition     = length(join(",", var.allowed_cidrs)) <= 500
    error_message = "allowed_cidrs: at most 500 characters in all; a function's whole environment holds 4 kB."
  }
}

variable "max_lanes" {
  description = "The most lanes that a run may have. At the seam between two slices twice as many functions run."
  type        = number
  default     = 50

  validation {
    condition     = var.max_lanes >= 1 && var.max_lanes <= 5000 && floor(var.max_lanes) == var.max_lanes
    error_message = "max_lanes: a whole number from 1 to 5000."
  }
}

variable "max_requests_per_s" {
  description = "The highest rate that a run may send at, over all its lanes. Workers hold to it themselves."
  type        = number
  default     = 1000

  validation {
    condition     = var.max_requests_per_s > 0
    error_message = "max_requests_per_s: more than 0."
  }
}

variable "max_duration_s" {
  description = "The longest that a run may last, in seconds."
  type        = number
  default     = 14400

  validation {
    condition     = var.max_duration_s > 0
    error_message = "max_duration_s: more than 0."
  }
}

variable "memory_mb" {
  description = "Memory of one worker. 1769 MB is one whole vCPU, which one event loop can use; less slows the clock of the measurement down."
  type        = number
  default     = 1769

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb: a whole number from 128 to 10240."
  }
}

variable "timeout_s" {
  description = "The function's limit, in seconds. Longer runs are cut into slices that fit into it."
  type        = number
  default     = 900

  validation {
    condition     = var.timeout_s >= 30 && var.timeout_s <= 900 && floor(var.timeout_s) == var.timeout_s
    error_message = "timeout_s: a whole number from 30 to 900, which is Lambda's own limit."
  }
}

variable "reserve_concurrency" {
  description = "Reserve 2 x max_lanes of the account's concurrency for the workers: no other function can take it, and no run can exceed it. The account must keep 100 unreserved, so a fresh account cannot."
  type        = bool
  default     = false
}

variable "secret_arns" {
  description = "Secrets Manager secrets or SSM parameters that workers may read. Null: one empty secret is made, to be filled by hand; an empty list: none."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for arn in coalesce(var.secret_arns, []) : can(regex("^arn:[a-z-]+:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:|ssm:[a-z0-9-]+:[0-9]{12}:parameter/)[^*?]+$", arn))])
    error_message = "secret_arns: whole ARNs of Secrets Manager secrets or SSM parameters, without wildcards."
  }
}

variable "existing_bucket" {
  description = "Name of a bucket to use instead of making one. Its settings are then not touched. `benchctl infra up` sets it in every region after the first."
  type        = string
  default     = null
}

variable "retention_days" {
  description = "How long runs are kept in the bucket, and logs in CloudWatch."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.retention_days)
    error_message = "retention_days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 (CloudWatch takes no others)."
  }
}

variable "force_destroy" {
  description = "Let the bucket be destroyed with everything in it. `benchctl infra down` sets it once it was told so."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "A KMS key of your own for the bucket, the queue, the secret, the logs and the function's environment. Null: keys that AWS owns or manages. The key's policy must let CloudWatch Logs use it."
  type        = string
  default     = null
}

variable "budget" {
  description = "Tell these addresses when a month's spend on what benchctl uses (Lambda, S3, SQS, CloudWatch, Secrets Manager; the whole account's) passes 80 % of this, or will pass it. It lags by hours: a message, not a brake."
  type = object({
    monthly_usd = number
    emails      = list(string)
  })
  default = null

  validation {
    condition     = var.budget == null || (try(var.budget.monthly_usd, 0) > 0 && try(length(var.budget.emails), 0) > 0)
    error_message = "budget: monthly_usd above 0, and at least one address in emails."
  }
}

variable "vpc" {
  description = "Run the workers inside a VPC, for endpoints that are reachable only there. Null: outside, where no NAT gateway distorts what is measured."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc == null || (try(length(var.vpc.subnet_ids), 0) > 0 && try(length(var.vpc.security_group_ids), 0) > 0)
    error_message = "vpc: at least one subnet and one security group."
  }
}

variable "orchestrator" {
  description = "Who launches runs. `principals`: ARNs that may take on a role made for it (none: no role, the policy can be attached to any identity). `role`: name of an existing role that gets the policy attached."
  type = object({
    principals = optional(list(string), [])
    role       = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for arn in var.orchestrator.principals : can(regex("^arn:[a-z-]+:(iam|sts)::[0-9]{12}:[^*]+$", arn))])
    error_message = "orchestrator.principals: whole ARNs of users or roles, without wildcards."
  }
}
