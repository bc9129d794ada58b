"""`python -m deploy deploy` puts the package and template.yml into the cloud; `... remove` takes them away.

Credentials are those of the aliyun command line or of the environment, found by alibabacloud-credentials.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_ros20190910.client import Client as RosClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import UnretryableException

from deploy import bucket, stack
from deploy.package import ROOT, build
from deploy.parameters import contradictions


def main() -> int:
    """Parse the command line and run it; 1 where the cloud refused or the stack failed."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    deploying = commands.add_parser("deploy", help="create or update the stack")
    deploying.add_argument("--bucket", required=True, help="an OSS bucket in the region, for the package")
    deploying.add_argument("--parameters", type=Path, help="a JSON file with the template's parameters")
    deploying.add_argument("--package", help="the name of a package in the bucket, to go back to")
    deploying.add_argument(
        "--runtime", choices=["python3.10", "python3.12"], help="else as it was, at first python3.10"
    )
    removing = commands.add_parser("remove", help="delete the stack; packages stay in the bucket")
    for command in (deploying, removing):
        command.add_argument("--stack", required=True)
        command.add_argument("--region", default="ap-southeast-1")
    options = parser.parse_args()
    try:
        ros = stack.Stacks(_ros(options.region), options.region)
        if options.command == "remove":
            return 0 if ros.remove(options.stack) else 1
        return 0 if _deploy(ros, options) else 1
    except (AlibabaCloudException, oss.exceptions.OperationError, CredentialException) as error:
        print(f"Refused: {error}", file=sys.stderr)
    except UnretryableException as error:
        print(f"Not done: {error.inner_exception or error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"No package was built: {error}", file=sys.stderr)
    return 1


def _deploy(ros: stack.Stacks, options: Any) -> bool:
    given = _parameters(options.parameters)
    known = ros.parameters(options.stack) | given
    if wrong := contradictions(known):
        sys.exit("\n".join(wrong))
    name = options.package
    runtime = options.runtime or known.get("Runtime") or "python3.10"
    if name is None:
        package = build(runtime, ROOT / "dist" / "function.zip")
        name = bucket.upload(_oss(options.region), options.bucket, package, runtime)
    runtime = bucket.runtime_of(name)
    if runtime is None:
        sys.exit(f"{name}: is no package's name, which begins with cams-qr/python3.")
    print(f"Package: {name}")
    changed = {"Runtime": runtime, "CodeBucket": options.bucket, "CodeObject": name}
    return ros.deploy(options.stack, (ROOT / "template.yml").read_text(), given | changed)


def _parameters(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        given = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{file}: {error}")
    if not isinstance(given, dict):
        sys.exit(f'{file}: is no JSON object; write it like {{"MaxInstances": 5}}')
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


def _ros(region: str) -> RosClient:
    endpoint = os.environ.get("ROS_ENDPOINT", "https://ros.aliyuncs.com")
    protocol, _, host = endpoint.rpartition("://")
    return RosClient(
        Config(credential=CredentialClient(), region_id=region, endpoint=host, protocol=protocol or "https")
    )


def _oss(region: str) -> oss.Client:
    config = oss.config.load_default()
    config.credentials_provider = _Credentials()
    config.region = region
    config.endpoint = os.environ.get("OSS_ENDPOINT")
    return oss.Client(config)


class _Credentials(oss.credentials.CredentialsProvider):  # type: ignore[misc]  # the library is not typed
    def get_credentials(self) -> Any:
        found = CredentialClient().get_credential()
        return oss.credentials.Credentials(found.access_key_id, found.access_key_secret, found.security_token)


if __name__ == "__main__":
    sys.exit(main())
