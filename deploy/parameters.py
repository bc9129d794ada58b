"""Parameters of template.yml: their defaults, and those that only make sense together; ROS checks each alone."""

from collections.abc import Mapping
from pathlib import Path

import yaml

TEMPLATE = yaml.safe_load((Path(__file__).parent.parent / "template.yml").read_text())
_TOGETHER = {
    "VpcId": ("VSwitchId", "SecurityGroupId"),
    "GatewayId": ("GatewayEnvironmentId", "GatewayDomainId"),
    "DomainName": ("DomainCertificate", "DomainPrivateKey"),
    "TimerCron": ("TimerPayload",),
}


def with_defaults(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters, and the template's default for each that is not given."""
    defaults = {name: str(parameter.get("Default", "")) for name, parameter in TEMPLATE["Parameters"].items()}
    return defaults | dict(parameters)


def first_of(value: str) -> str:
    """The first of comma-separated values; empty where there is none."""
    return value.split(",")[0].strip()


def contradictions(parameters: Mapping[str, str]) -> list[str]:
    """A sentence for each parameter that lacks another, or that lets in who must not."""
    wrong = [
        f"{name}: needs {other} too."
        for name, others in _TOGETHER.items()
        for other in others
        if parameters.get(name) and not parameters.get(other)
    ]
    is_jwt = parameters.get("HttpAuth") == "jwt"
    if is_jwt and not parameters.get("JwtConfig"):
        wrong.append("HttpAuth: jwt needs JwtConfig too.")
    if parameters.get("CustSpaceHeader") and not is_jwt:
        wrong.append(
            "CustSpaceHeader: needs HttpAuth jwt, which sets the header from a verified claim; a caller that signs its "
            "requests could set it to any space, past a gateway too."
        )
    return wrong
