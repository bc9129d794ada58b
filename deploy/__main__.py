"""`python -m deploy deploy` deploys the package and template.yml to the cloud; `... remove` deletes the stack.

`... doctor` checks before a deployment, `... verify` tests it afterwards. alibabacloud-credentials finds the
credentials of the aliyun command line or of the environment. TOKEN in the environment is a JSON Web Token, for HttpAuth
jwt, or a token of one of a gateway's consumers: everybody on a machine can read its command lines.
"""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.exceptions import UnretryableException

from deploy import bucket, gateway, settings, stack
from deploy.account import Account
from deploy.doctor import examine
from deploy.package import ROOT, build, default_path
from deploy.parameters import fixed
from deploy.table import are_fine, show
from deploy.verify import verify

_OTHERWISE = "If a parameter changed, deploy once with it empty, then with the new value; else deploy another stack."


def main() -> int:
    """Parse the command line and run it; 1 if the cloud refused, or a check failed."""
    options = _parser().parse_args()
    # The SDK logs what it raises, with the stack trace.
    logging.disable()
    try:
        return 0 if options.run(Account(options.region), options) else 1
    except (AlibabaCloudException, oss.exceptions.OperationError, CredentialException, bucket.Changed) as error:
        print(f"Refused: {error}", file=sys.stderr)
    except UnretryableException as error:
        print(f"Failed: {error.inner_exception or error}", file=sys.stderr)
    except stack.UnreadableAnswer as error:
        print(f"Failed: {error}.", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"The package could not be built: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    deploying = _command(commands, "deploy", _deploy, "create or update the stack")
    deploying.add_argument("--package", help="the name of a package in the bucket, to roll back to")
    deploying.add_argument("--no-doctor", action="store_true", help="skip the checks before the deployment")
    deploying.add_argument("--no-verify", action="store_true", help="skip the tests after the deployment")
    examining = _command(commands, "doctor", _doctor, "check the account for what a deployment needs; changes nothing")
    removing = _command(commands, "remove", _remove, "delete the stack and its logs; packages stay in the bucket")
    removing.add_argument("--yes", action="store_true", help="do not ask")
    verifying = _command(commands, "verify", _verify, "test what was deployed")
    for command in (deploying, examining):
        command.add_argument("--bucket", required=True, help="an OSS bucket in the region, for the package")
        command.add_argument("--parameters", type=Path, help="a JSON file with the template's parameters")
        command.add_argument(
            "--runtime", choices=["python3.10", "python3.12"], help="default: unchanged, at first python3.10"
        )
    for command in (deploying, removing, verifying):
        command.add_argument("--stack", required=True)
    examining.add_argument("--stack", help="the stack to update, if it exists")
    for command in (deploying, examining, verifying):
        command.add_argument("--number", default="", help="a phone number of the account, to query")
    for command in (deploying, verifying):
        command.add_argument("--report", type=Path, default=ROOT / "dist", help="the folder for the JSON report")
        command.add_argument("--space", default="", help="a custSpaceId to query; default: the first allowed one")
        command.add_argument("--log-seconds", type=float, default=120.0, help="how long to wait for log lines")
    return parser


def _command(commands: Any, name: str, run: Callable[[Account, Any], bool], told: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=told)
    command.add_argument("--region", default="ap-southeast-1")
    command.set_defaults(run=run)
    return command


def _deploy(account: Account, options: Any) -> bool:
    ros = _stacks(account)
    given = _parameters(options.parameters)
    if not options.no_doctor and not _doctor(account, options):
        print("Nothing was changed. Fix what is marked ✗; DOCTOR=off deploys anyway.")
        return False
    kept = ros.parameters(options.stack)
    known = kept | given
    package = _package(account, options, known)
    print(f"Package: {package.name}")
    code = {"CodeBucket": options.bucket, "CodeObject": package.name, "CodeChecksum": package.checksum}
    runtime = {"Runtime": bucket.runtime_of(package.name) or ""}
    plan = ros.plan(options.stack, (ROOT / "template.yml").read_text(), given | code | runtime)
    if plan is None or not _can_update(plan, fixed(kept, given)):
        return False
    if not _carry_out(account, ros, plan, known):
        return False
    is_set = settings.apply(account, known)
    is_published = not known.get("GatewayId") or gateway.publish(account, ros.outputs(options.stack))
    is_fine = options.no_verify or _verify(account, options)
    return is_set and is_published and is_fine


def _package(account: Account, options: Any, known: dict[str, str]) -> bucket.Package:
    """The package to deploy: the one to roll back to, or a new one. Raises bucket.Changed."""
    name = options.package
    if name is None:
        runtime = _runtime(options, known)
        return bucket.upload(account.oss(), options.bucket, build(runtime, default_path(runtime)), runtime)
    if bucket.runtime_of(name) is None:
        sys.exit(f"{name}: is not a package name, like cams-qr/python3.10-VERSION-SHA256.zip")
    return bucket.find(account.oss(), options.bucket, name)


def _carry_out(account: Account, ros: stack.Stacks, plan: stack.Plan, known: dict[str, str]) -> bool:
    """Create or update the stack; before an update, lower the maximum of instances if the function will assume so."""
    if not plan.stack:
        return ros.carry_out(plan)
    settings.lower_concurrency(account, known)
    is_done = False
    try:
        is_done = ros.carry_out(plan)
    finally:
        if not is_done and ros.is_at_rest(plan):
            settings.tell_lowered(account, known, ros.parameters(plan.name))
    return is_done


def _can_update(plan: stack.Plan, reasons: list[str]) -> bool:
    """Whether ROS can make these changes in place; if not, print why and what to do."""
    if not plan.stack or not (plan.replaced or reasons):
        return True
    print(f"Nothing was changed, because ROS would have to replace {', '.join(plan.replaced) or 'resources'}.")
    for reason in reasons or [_OTHERWISE]:
        print(f"  {reason}")
    return False


def _doctor(account: Account, options: Any) -> bool:
    given = _parameters(options.parameters)
    kept = _known(account, options.stack)
    runtime = _runtime(options, kept | given)
    return are_fine(show(examine(account, options.bucket, runtime, kept, given, options.number)))


def _known(account: Account, name: str | None) -> dict[str, str]:
    """The stack's parameters; none if they cannot be read, which the deployment itself will report."""
    try:
        return _stacks(account).parameters(name) if name else {}
    except (AlibabaCloudException, UnretryableException, stack.UnreadableAnswer):
        return {}


def _verify(account: Account, options: Any) -> bool:
    stacks = _stacks(account)
    outputs = stacks.outputs(options.stack)
    if not outputs:
        sys.exit(f"There is no stack {options.stack} in {account.region} in working order.")
    return verify(account, stacks, options.stack, outputs, options, options.report)


def _remove(account: Account, options: Any) -> bool:
    stacks = _stacks(account)
    if not stacks.exists(options.stack):
        print(f"There is no stack {options.stack} in {account.region}.")
        return True
    print(f"This deletes {options.stack} and all of its logs; they cannot be recovered.", flush=True)
    if not options.yes and not _agreed():
        return False
    return stacks.remove(options.stack)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        sys.exit("Nothing was deleted, because there is no terminal to ask at; YES=on (--yes) deletes without asking.")
    return input("Type yes to delete them: ").strip() == "yes"


def _stacks(account: Account) -> stack.Stacks:
    return stack.Stacks(account)


def _runtime(options: Any, known: dict[str, str]) -> str:
    package = getattr(options, "package", None)
    return (package and bucket.runtime_of(package)) or options.runtime or known.get("Runtime") or "python3.10"


def _parameters(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        given = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{file}: {error}")
    if not isinstance(given, dict):
        sys.exit(f'{file}: is not a JSON object; write it like {{"MaxInstances": 5}}')
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


if __name__ == "__main__":
    sys.exit(main())
