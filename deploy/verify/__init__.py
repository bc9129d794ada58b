from collections.abc import Mapping

from deploy.account import Account


def verify(
    account: Account, stack: str, outputs: Mapping[str, str], parameters: Mapping[str, str], number: str
) -> bool:
    return True
