"""The invocation's RAM role credentials, as an alibabacloud-credentials provider.

The SDK's own providers read the environment once, at import, and would keep signing with expired tokens. This provider
reads the credentials for every signature: from `context.credentials` (python3.10), else from the environment
(python3.12, whose context has none), else, outside Function Compute, from the library's default chain.
"""

import os
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials.utils import auth_util
from alibabacloud_credentials_api import ICredentials, ICredentialsProvider

_context: ContextVar[Any] = ContextVar("fc_context", default=None)


def use_credentials_of(context: Any) -> None:
    """From now on, InvocationCredentials reads the credentials of this invocation's context."""
    _context.set(context)


class _Credentials(ICredentials):  # type: ignore[misc]  # the library is not typed
    """The credentials for one signature."""

    def __init__(self, source: str, key_id: str, secret: str, token: str | None) -> None:
        self._source = source
        self._key_id = key_id
        self._secret = secret
        self._token = token

    def get_access_key_id(self) -> str:
        return self._key_id

    def get_access_key_secret(self) -> str:
        return self._secret

    def get_security_token(self) -> str | None:
        return self._token

    def get_provider_name(self) -> str:
        return self._source


class InvocationCredentials(ICredentialsProvider):  # type: ignore[misc]  # the library is not typed
    """The current invocation's credentials, read again at every call."""

    @cached_property
    def _default_chain(self) -> ICredentialsProvider:
        # The environment has been read already, and the chain would use its state at import. The chain's ECS provider
        # would start a background scheduler, and query a metadata address that does not exist in Function Compute.
        auth_util.environment_access_key_id = None
        auth_util.environment_ecs_metadata_disabled = "true"
        # Most of the library, which nothing on Function Compute needs.
        from alibabacloud_credentials.provider import DefaultCredentialsProvider

        return DefaultCredentialsProvider()

    def get_credentials(self) -> ICredentials:
        """Raises CredentialException if no source has credentials."""
        credentials: ICredentials = (
            _from_context(_context.get()) or _from_environment() or self._default_chain.get_credentials()
        )
        return credentials

    async def get_credentials_async(self) -> ICredentials:
        return self.get_credentials()

    def get_provider_name(self) -> str:
        return "fc"


def _from_context(context: Any) -> _Credentials | None:
    found = getattr(context, "credentials", None)
    return _credentials(
        "fc_context",
        getattr(found, "access_key_id", None),
        getattr(found, "access_key_secret", None),
        getattr(found, "security_token", None),
    )


def _from_environment() -> _Credentials | None:
    return _credentials(
        "fc_environment",
        os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID"),
        os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN"),
    )


def _credentials(source: str, key_id: str | None, secret: str | None, token: str | None) -> _Credentials | None:
    if not key_id or not secret:
        return None
    if not all(part.isascii() and part.isprintable() for part in (key_id, secret, token or "")):
        raise CredentialException(f"the credentials of {source} contain characters that are invalid in a header")
    return _Credentials(source, key_id, secret, token or None)
