"""Uploads the package to OSS, named after its runtime, version and content, unless it is there already."""

import re
from pathlib import Path

import alibabacloud_oss_v2 as oss

from cams_qr import __version__
from deploy.package import content_hash


def upload(client: oss.Client, bucket: str, package: Path, runtime: str) -> str:
    """Upload the package; returns its name in the bucket. Raises oss.exceptions.OperationError."""
    name = f"cams-qr/{runtime}-{__version__}-{content_hash(package)}.zip"
    if not client.is_object_exist(bucket, name):
        client.put_object_from_file(oss.PutObjectRequest(bucket=bucket, key=name), str(package))
    return name


def runtime_of(name: str) -> str | None:
    """The runtime in a package's name; None if the name has none."""
    found = re.search(r"(python3\.[0-9]+)-[^/]*$", name)
    return found and found[1]
