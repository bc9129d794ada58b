"""Print a curl command with a signature: `sh -c "$(.venv/bin/python examples/signed_curl.py URL)"`.

Needs `alibabacloud-gateway-fc-util` (0.0.5 here), which signs as a trigger with the authentication `function` requires;
alibabacloud-credentials finds the credentials. The command is valid for 15 minutes.
"""

import shlex
import sys

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_gateway_fc_util.client import Client
from requests import Request


def command(url: str) -> str:
    """The curl command for a GET of the URL."""
    signed = Client(CredentialClient()).sign_request(Request("GET", url, headers={}))
    headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in signed.headers.items())
    return f"curl --fail-with-body --silent --show-error {headers} {shlex.quote(url)}"


if __name__ == "__main__":
    print(command(sys.argv[1]))
