# A range and no lock file: a lock written on one platform would refuse the others. `benchctl infra up` keeps one
# beside the user's state.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
