"""Credentials of callers: the account's demo key, and JSON Web Tokens as a shop's own server would issue them."""

import json
from time import time
from typing import Any

import jwt
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local.sandbox import DEMO_KEY, DEMO_KEY_ID

CONFIG = {"tokenLookup": "header:Authorization:Bearer ", "claimPassBy": "query::"}


class Issuer:
    """Has a private key; `config` publishes the other half, as the parameter JwtConfig does."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def config(self, **changes: str) -> str:
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"jwks": {"keys": [{**key, "alg": "RS256", "use": "sig"}]}, **CONFIG, **changes})

    def token(self, headers: dict[str, str] | None = None, **claims: Any) -> str:
        return jwt.encode({"sub": "shop", "exp": time() + 60, **claims}, self._key, algorithm="RS256", headers=headers)


def demo_credentials(secret: str = DEMO_KEY.secret) -> CredentialClient:
    """What the vendor's signers take."""
    key = Config(type="sts", access_key_id=DEMO_KEY_ID, access_key_secret=secret, security_token=DEMO_KEY.token)
    return CredentialClient(key)
