"""`storage`: copies of the report for inference-perf's readers. The run lives under `--root`, whatever this says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.config.section import NOT_YET, Section


class LocalStorage(Section):
    path: str | None = Field(
        default=None,
        min_length=1,
        description="Folder that gets a copy of inference-perf's files; {timestamp} is the run's start. null: no copy.",
    )
    report_file_prefix: str | None = Field(default=None, description="Put before the name of each file copied.")


class GoogleCloudStorage(Section):
    bucket_name: str = Field(min_length=1, description="Bucket.")
    path: str = Field(default="reports-{timestamp}", description="Prefix of the keys.")
    report_file_prefix: str | None = Field(default=None, description="Put before each file's name.")


class SimpleStorageService(Section):
    bucket_name: str = Field(min_length=1, description="Bucket.")
    path: str = Field(default="reports-{timestamp}", description="Prefix of the keys.")
    report_file_prefix: str | None = Field(default=None, description="Put before each file's name.")
    endpoint_url: str | None = Field(default=None, description="For S3-compatible stores.")
    region_name: str | None = Field(default=None, description="Region.")
    addressing_style: Literal["auto", "virtual", "path"] | None = Field(
        default=None, description="Bucket in host or path."
    )


class Storage(Section):
    local_storage: LocalStorage = Field(default=LocalStorage(), description="A copy on this machine.")
    google_cloud_storage: GoogleCloudStorage | None = Field(default=None, description="A copy in GCS." + NOT_YET)
    simple_storage_service: SimpleStorageService | None = Field(default=None, description="A copy in S3." + NOT_YET)
