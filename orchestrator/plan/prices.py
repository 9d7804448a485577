"""What AWS asks, in USD: list prices of us-east-1, and where each was read. The one place to change when they do.

Free tiers and discounts are not counted, other regions cost up to half more: an estimate, and it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AS_OF: Final = "2026-11-24"
SOURCES: Final[Mapping[str, str]] = {
    "LAMBDA_GB_S": "https://aws.amazon.com/lambda/pricing/",
    "LAMBDA_REQUEST": "https://aws.amazon.com/lambda/pricing/",
    "S3_WRITE": "https://aws.amazon.com/s3/pricing/",
    "S3_READ": "https://aws.amazon.com/s3/pricing/",
    "S3_GB_MONTH": "https://aws.amazon.com/s3/pricing/",
    "EGRESS_GB": "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
}

LAMBDA_GB_S: Final[Mapping[str, float]] = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LAMBDA_REQUEST: Final = 0.20 / 1_000_000
S3_WRITE: Final = 0.005 / 1000  # PUT, POST, LIST
S3_READ: Final = 0.0004 / 1000  # GET, HEAD; a 304 is one
S3_GB_MONTH: Final = 0.023
EGRESS_GB: Final = 0.09  # to the internet; an endpoint in the same region and a VPC costs less
