"""JSON Web Tokens as a shop's own server would issue them, and the HTTP trigger's config that lets them in."""

import json
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CONFIG = {"tokenLookup": "header:Authorization:Bearer "}


class Issuer:
    """Has a private key; `config` publishes the other half, as the parameter JwtConfig does."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def config(self, **changes: str) -> str:
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"jwks": {"keys": [{**key, "alg": "RS256", "use": "sig"}]}, **CONFIG, **changes})

    def token(self, **claims: Any) -> str:
        return jwt.encode({"sub": "shop", "exp": time() + 60, **claims}, self._key, algorithm="RS256")
