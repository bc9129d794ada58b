"""Checks that the bucket exists, is in the region, and is writable by this caller.

One request checks all three and changes nothing: a part for an upload that does not exist. OSS only says so after it
has found the bucket and allowed the write. Source: UploadPart (needs oss:PutObject), the error codes of OSS.
"""

import re
from typing import Any

import alibabacloud_oss_v2 as oss

from deploy.doctor.check import Planned, grant
from deploy.table import Finding, fine, unknown, wrong

_ELSEWHERE = "must be addressed using the specified endpoint"


def bucket(planned: Planned) -> Finding:
    """The row about the bucket."""
    part = oss.UploadPartRequest(
        bucket=planned.bucket, key="cams-qr/doctor", part_number=1, upload_id="none", body=b"nothing"
    )
    try:
        planned.account.oss().upload_part(part)
    except oss.exceptions.OperationError as error:
        reason = error.unwrap()
        if not isinstance(reason, oss.exceptions.ServiceError):
            raise reason from None
        return _row(planned, reason)
    return unknown("bucket", f"{planned.bucket} accepted a part for an upload that does not exist")


def _row(planned: Planned, error: Any) -> Finding:
    code, message = error.code, str(error.message)
    if code == "NoSuchUpload":
        return fine("bucket", f"{planned.bucket} is in {planned.account.region} and may be written to")
    if code == "NoSuchBucket":
        return wrong(
            "bucket",
            f"{planned.bucket} does not exist",
            f"aliyun oss mb oss://{planned.bucket} --region {planned.account.region}",
        )
    if _ELSEWHERE in message:
        region = _region(error)
        return wrong(
            "bucket",
            f"{planned.bucket} is in {region}, not in {planned.account.region}",
            f"make deploy … BUCKET=…   # one in {planned.account.region}; or REGION={region}",
        )
    if code == "AccessDenied":
        return wrong(
            "bucket",
            f"this caller may not write to {planned.bucket}, or it is another account's: {message}",
            grant(planned),
        )
    return unknown("bucket", f"OSS answered {code}")


def _region(error: Any) -> str:
    found = re.search(r"oss-([a-z0-9-]+?)(-internal)?\.aliyuncs\.com", str((error.error_fileds or {}).get("Endpoint")))
    return found[1] if found else "another region"
