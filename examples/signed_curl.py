"""Print a signed curl command: `sh -c "$(.venv/bin/python examples/signed_curl.py URL)"`.

With `--domain` it is signed for a custom domain. alibabacloud-credentials finds the credentials. The command is
valid for 15 minutes.
"""

import shlex
from argparse import ArgumentParser

from alibabacloud_credentials.client import Client as CredentialClient
from signature import sign_for_domain, sign_for_trigger  # type: ignore[import-not-found]


def command(url: str, is_domain: bool) -> str:
    """The curl command for a GET of the URL."""
    credentials, accepted = CredentialClient(), {"accept": "*/*"}
    signed = (
        sign_for_domain(credentials, "GET", url, accepted) if is_domain else sign_for_trigger(credentials, "GET", url)
    )
    headers = " ".join(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in (accepted | signed).items())
    # The URL is signed as it is: curl must not take it for an option, a file or a pattern.
    return (
        f"curl --globoff --proto =http,https --fail-with-body --silent --show-error {headers} --url {shlex.quote(url)}"
    )


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--domain", action="store_true", help="sign for a custom domain")
    parser.add_argument("url")
    options = parser.parse_args()
    print(command(options.url, options.domain))
