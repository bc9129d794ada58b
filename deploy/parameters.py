"""Parameters of template.yml that only make sense together; ROS checks each of them alone."""

from collections.abc import Mapping

_TOGETHER = {
    "VpcId": ("VSwitchId", "SecurityGroupId"),
    "GatewayId": ("GatewayEnvironmentId", "GatewayDomainId"),
    "DomainName": ("DomainCertificate", "DomainPrivateKey"),
    "TimerCron": ("TimerPayload",),
}


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
