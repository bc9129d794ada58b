"""Uploads the package to OSS, named after its runtime, version and content, unless it is there already."""

import re
from pathlib import Path

import alibabacloud_oss_v2 as oss

from cams_qr import __version__
from deploy.package import content_hash


def upload(client: oss.Client, bucket: str, package: Path, runtime: str) -> str:
    """Upload the package; returns its name in the bucket. Raises oss.exceptions.OperationError."""
    name = f"cams-qr/{runtime}-{__version__}-{content_hash(package)}.zip"
    if not _is_there(client, bucket, name):
        client.put_object_from_file(oss.PutObjectRequest(bucket=bucket, key=name), str(package))
    return name


def _is_there(client: oss.Client, bucket: str, name: str) -> bool:
    """Whether the package is known to be there. To a caller without oss:ListObjects, OSS may answer 403 if it is not.

    S3 does so; no page of OSS says. To upload the package again changes nothing, because its name has its hash.
    """
    try:
        found: bool = client.is_object_exist(bucket, name)
    except oss.exceptions.OperationError as error:
        if getattr(error.unwrap(), "status_code", None) != 403:
            raise
        return False
    return found


def runtime_of(name: str) -> str | None:
    """The runtime in a package's name; None if the name has none."""
    found = re.search(r"(python3\.[0-9]+)-[^/]*$", name)
    return found and found[1]
