"""template.yml is right, and would not be with any of these slips."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploy.parameters import contradictions, misfits
from testing.template import EVERYTHING, REQUIRED, TEMPLATE, Template, before, problems, refusals, resolved

Change = Callable[[dict[str, Any]], object]


def template() -> Template:
    return copy.deepcopy(TEMPLATE)


def test_the_template_is_right() -> None:
    assert problems(template()) == []


def test_optional_parts_are_left_out_by_default() -> None:
    every, minimal = set(resolved(template(), EVERYTHING)), set(resolved(template(), REQUIRED))
    assert every == set(template()["Resources"])
    assert minimal == {
        *("LogProject", "LogStore", "LogIndex", "Dashboard"),
        *("Role", "Function", "HttpTrigger"),
    }
    assert every - minimal == {
        *("QueueTrigger", "TimerTrigger", "Domain"),
        *("GatewayService", "GatewayApi", "GatewayRoute", "GatewayPublication"),
        *("FailingAlert", "ThrottleAlert", "RedisAlert", "BugAlert", "EndedAlert"),
    }
    assert "VpcConfig" not in resolved(template(), REQUIRED)["Function"]


def test_the_route_is_published_when_all_of_it_is_there_and_withdrawn_before_any_of_it_goes() -> None:
    resources = resolved(template(), EVERYTHING)
    route, publication = resources["GatewayRoute"], resources["GatewayPublication"]
    assert publication == {"HttpApiId": "GatewayApi.HttpApiId", "RouteId": "GatewayRoute.RouteId"}
    # What has no domain cannot be published.
    assert route["DomainIds"] == [EVERYTHING["GatewayDomainId"]]
    assert before(template(), "GatewayPublication") >= {"GatewayRoute", "GatewayApi", "GatewayService", "Function"}


def test_the_domain_leads_to_the_function_over_https_once_there_is_a_trigger() -> None:
    domain = resolved(template(), EVERYTHING)["Domain"]
    assert (domain["DomainName"], domain["Protocol"]) == (EVERYTHING["DomainName"], "HTTPS")
    assert domain["CertConfig"]["Certificate"] == EVERYTHING["DomainCertificate"]
    (route,) = domain["RouteConfig"]["Routes"]
    methods = resolved(template(), EVERYTHING)["HttpTrigger"]["TriggerConfig"]["methods"]
    assert route == {"Path": "/*", "FunctionName": "cams-qr", "Qualifier": "LATEST", "Methods": methods}
    assert {"Function", "HttpTrigger"} <= before(template(), "Domain")


ARN = "ap-southeast-1:1234567890123456"
QUEUES = (EVERYTHING, EVERYTHING | {"DeadLetterQueueName": ""})


@pytest.mark.parametrize(
    ("destination", "rights", "resources"),
    [
        (
            f"acs:mns:{ARN}:/queues/failed/messages",
            ["mns:SendMessage"],
            [f"acs:mns:{ARN}:/queues/failed/messages"],
        ),
        (f"acs:mns:{ARN}:/queues/failed", ["mns:SendMessage"], [f"acs:mns:{ARN}:/queues/failed/messages"]),
        (f"acs:mns:{ARN}:/queues/messages", ["mns:SendMessage"], [f"acs:mns:{ARN}:/queues/messages/messages"]),
        (
            f"acs:mns:{ARN}:/topics/failed/messages",
            ["mns:PublishMessage"],
            [f"acs:mns:{ARN}:/topics/failed/messages"],
        ),
        (f"acs:mns:{ARN}:/topics/queues", ["mns:PublishMessage"], [f"acs:mns:{ARN}:/topics/queues/messages"]),
        (
            f"acs:mq:{ARN}:/instances/MQ_INST_1_BX/topic/failed",
            ["mq:PUB", "mq:OnsInstanceBaseInfo"],
            ["acs:mq:*:*:MQ_INST_1_BX", "acs:mq:*:*:MQ_INST_1_BX%failed"],
        ),
        (
            f"acs:eventbridge:{ARN}:eventbus/my.bus",
            ["eventbridge:PutEvents"],
            [f"acs:eventbridge:{ARN}:eventbus/my.bus"],
        ),
        (
            f"acs:fc:{ARN}:functions/queues",
            ["fc:InvokeFunction"],
            [f"acs:fc:{ARN}:functions/queues", f"acs:fc:{ARN}:functions/queues/LATEST"],
        ),
    ],
)
def test_the_role_may_do_what_the_failure_destination_needs_and_nothing_else(
    destination: str, rights: list[str], resources: list[str]
) -> None:
    given = {"FailureDestination": destination}
    assert misfits(given) == []
    *always, repeated = statements(REQUIRED)
    assert repeated in always, "without a destination, there is no other right"
    assert statements(REQUIRED | given) == [*always, {"Effect": "Allow", "Action": rights, "Resource": resources}]


def test_a_queue_of_this_region_receives_what_the_queue_trigger_could_not_deliver() -> None:
    options = [resolved(template(), given)["QueueTrigger"]["TriggerConfig"]["runOptions"] for given in QUEUES]
    assert options[0].items() > {"mode": "event-driven", "errorsTolerance": "ALL"}.items()
    assert [each.get("deadLetterQueue") for each in options] == [
        {"Arn": f"acs:mns:{ARN}:/queues/qr-codes-failed"},
        None,
    ]


def statements(given: dict[str, Any]) -> Any:
    (policy,) = resolved(template(), given)["Role"]["Policies"]
    return policy["PolicyDocument"]["Statement"]


@pytest.mark.parametrize(
    "misspelt",
    [
        "failed",
        f"acs:mns:{ARN}:queues/failed",
        f"acs:mns:{ARN}:/queues/failed/",
        f"acs:mns:{ARN}:/queue/failed",
        f"acs:eventbridge:{ARN}:/eventbus/failed",
        f"acs:fc:{ARN}:/functions/failed",
        f"acs:fc:{ARN}:services/old/functions/failed",
        "acs:fc:::functions/failed",
        f"acs:mq:{ARN}:/instances/MQ_INST_1/topics/failed",
    ],
)
def test_a_misspelt_failure_destination_is_told_the_right_forms(misspelt: str) -> None:
    (sentence,) = misfits({"FailureDestination": misspelt})
    assert sentence == (
        "FailureDestination must be acs:mns:REGION:ACCOUNT:/queues/NAME/messages, "
        "acs:mns:REGION:ACCOUNT:/topics/NAME/messages, acs:mq:REGION:ACCOUNT:/instances/ID/topic/NAME, "
        "acs:eventbridge:REGION:ACCOUNT:eventbus/NAME "
        "or acs:fc:REGION:ACCOUNT:functions/NAME."
    )


def properties(resource: str, change: Change) -> Change:
    return lambda template: change(template["Resources"][resource]["Properties"])


def rule(change: Change) -> Change:
    return lambda template: change(template["Rules"]["InstancesWithinQuota"])


def parameter(name: str, change: Change) -> Change:
    return lambda template: change(template["Parameters"][name])


SLIPS: dict[str, Change] = {
    "a typo in a property": properties("Function", lambda p: p.update(Handlr=p.pop("Handler"))),
    "a property nobody knows": properties("LogStore", lambda p: p.update(Retention=1)),
    "a required property is missing": properties("Role", lambda p: p.pop("RoleName")),
    "a nested required property is missing": properties("Domain", lambda p: p["CertConfig"].pop("CertName")),
    "out of range": properties("LogStore", lambda p: p.update(TTL=3651)),
    "a parameter that allows what ROS does not": parameter("LogDays", lambda p: p.update(Default=4000, MaxValue=4000)),
    "not in the enum": properties("Domain", lambda p: p.update(Protocol="FTP")),
    "the wrong type": properties("LogStore", lambda p: p.update(AutoSplit="yes")),
    "a name that breaks its pattern": properties("LogProject", lambda p: p.update(Name="cams_qr")),
    "the wrong attribute": properties("Function", lambda p: p.update(Role={"Fn::GetAtt": ["Role", "ARN"]})),
    "an attribute of nothing": lambda t: t["Outputs"]["Url"].update(Value={"Fn::GetAtt": ["Trigger", "UrlInternet"]}),
    "no such resource type": lambda t: t["Resources"]["LogStore"].update(Type="ALIYUN::SLS::LogStore"),
    "a Ref to nothing": properties("Function", lambda p: p.update(Timeout={"Ref": "TimeOut"})),
    "a condition that does not exist": lambda t: t["Resources"]["TimerTrigger"].update(Condition="HasCron"),
    "a parameter nobody uses": lambda t: t["Parameters"].update(
        Spare={"Type": "String", "Description": "Nothing.", "MaxLength": 1}
    ),
    "a parameter without a sentence": parameter("LogDays", lambda p: p.pop("Description")),
    "a parameter without a constraint": parameter("CodeBucket", lambda p: p.pop("AllowedPattern")),
    "a default that breaks its constraint": parameter("CamsQps", lambda p: p.update(Default=0)),
    "a secret that is echoed": parameter("RedisUrl", lambda p: p.pop("NoEcho")),
    "the wrong action": properties(
        "Role", lambda p: p["Policies"][0]["PolicyDocument"]["Statement"][0].update(Action=["cams:ListPhoneMessage"])
    ),
    "every action": properties(
        "Role", lambda p: p["Policies"][0]["PolicyDocument"]["Statement"][0].update(Action=["cams:*"])
    ),
    "every log store": properties(
        "Role", lambda p: p["Policies"][0]["PolicyDocument"]["Statement"][1].update(Resource=["*"])
    ),
    "one statement too many": properties(
        "Role",
        lambda p: p["Policies"][0]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Action": ["oss:GetObject"], "Resource": ["*"]}
        ),
    ),
    "a role for everybody": properties(
        "Role",
        lambda p: p["AssumeRolePolicyDocument"]["Statement"][0].update(Principal={"RAM": ["acs:ram::1:root"]}),
    ),
    "anonymous by default": lambda t: t["Parameters"]["HttpAuth"].update(Default="anonymous"),
    "anonymous offered": parameter("HttpAuth", lambda p: p["AllowedValues"].append("anonymous")),
    "anonymous in the trigger": properties("HttpTrigger", lambda p: p["TriggerConfig"].update(authType="anonymous")),
    "a gateway that lets anybody in": properties("GatewayApi", lambda p: p.update(EnableAuth=False)),
    "a domain that lets anybody in": properties("Domain", lambda p: p["AuthConfig"].update(AuthType="anonymous")),
    "a domain with other keys": properties("Domain", lambda p: p["AuthConfig"].pop("AuthInfo")),
    "after something that does not exist": lambda t: t["Resources"]["Dashboard"].update(DependsOn="Index"),
    "an output under no condition there is": lambda t: t["Outputs"]["DomainUrl"].update(Condition="HasDomains"),
    "tokens that nothing checks": properties("HttpTrigger", lambda p: p["TriggerConfig"].pop("authConfig")),
    "a typo in a trigger": properties("HttpTrigger", lambda p: p["TriggerConfig"].update(method=["GET"])),
    "a typo deep in a trigger": properties(
        "QueueTrigger",
        lambda p: p["TriggerConfig"]["eventSourceConfig"]["eventSourceParameters"]["sourceMNSParameters"].update(
            queueName="q"
        ),
    ),
    "a runtime that does not exist": parameter("Runtime", lambda p: p["AllowedValues"].append("python3.11")),
    "another handler": properties("Function", lambda p: p.update(Handler="index.main")),
    "no initializer": properties("Function", lambda p: p.pop("InstanceLifecycleConfig")),
    "an unknown variable": properties("Function", lambda p: p["EnvironmentVariables"].update(CAMS_RATE="5")),
    "a setting that cannot be set": properties("Function", lambda p: p["EnvironmentVariables"].pop("LOG_LEVEL")),
    "a number in the environment": properties(
        "Function", lambda p: p["EnvironmentVariables"].update(CAMS_QPS={"Ref": "CamsQps"})
    ),
    "instances by another number": properties(
        "Function", lambda p: p["EnvironmentVariables"].update(MAX_INSTANCES="5")
    ),
    "no rule against too many instances": lambda t: t.pop("Rules"),
    "a rule that refuses any number of instances": rule(lambda r: r.pop("RuleCondition")),
    "a rule that allows one instance too many": rule(
        lambda r: r["Assertions"][0]["Assert"]["Fn::Equals"][0]["Fn::Calculate"].__setitem__(0, "({0}-2)%{1}")
    ),
    "a rule the other way round": rule(lambda r: r.update(RuleCondition={"Fn::Not": r["RuleCondition"]})),
    "a rule with a typo": rule(lambda r: r.update(Assertion=r["Assertions"])),
    "a rule that tells nothing": rule(lambda r: r["Assertions"][0].pop("AssertDescription")),
    "a rule with a function for resources only": rule(
        lambda r: r["Assertions"].append({"Assert": {"Fn::GetAtt": ["Role", "Arn"]}, "AssertDescription": "No."})
    ),
    "a rule that yields a number": rule(
        lambda r: r["Assertions"].append({"Assert": {"Fn::Str": {"Ref": "CamsQps"}}, "AssertDescription": "No."})
    ),
    "defaults that the rule refuses": parameter("MaxInstances", lambda p: p.update(Default=6)),
    "too little memory for its cores": parameter("Cpu", lambda p: p.update(Default=1)),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_found(slip: str) -> None:
    changed = copy.deepcopy(template())
    SLIPS[slip](changed)
    assert problems(changed)


def passing(claims: str) -> dict[str, str]:
    config = json.dumps({"jwks": {"keys": []}, "tokenLookup": "header:Authorization:Bearer ", "claimPassBy": claims})
    return {"CustSpaceHeader": "X-Space", "HttpAuth": "jwt", "JwtConfig": config}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        (EVERYTHING, []),
        (EVERYTHING | {"VSwitchId": ""}, ["VpcId needs VSwitchId"]),
        (EVERYTHING | {"VSwitchId": "", "SecurityGroupId": ""}, ["VpcId needs VSwitchId", "VpcId needs Sec"]),
        (EVERYTHING | {"DomainCertificate": ""}, ["DomainName needs DomainCertificate"]),
        (EVERYTHING | {"DomainPrivateKey": ""}, ["DomainName needs DomainPrivateKey"]),
        (EVERYTHING | {"GatewayEnvironmentId": ""}, ["GatewayId needs GatewayEnvironmentId"]),
        (EVERYTHING | {"GatewayDomainId": ""}, ["GatewayId needs GatewayDomainId"]),
        (EVERYTHING | {"GatewaySetsSpace": "no"}, ["CustSpaceHeader with GatewayId needs GatewaySetsSpace yes"]),
        (EVERYTHING | {"GatewaySetsSpace": "no", "GatewayId": ""}, []),
        (EVERYTHING | {"GatewaySetsSpace": "no", "CustSpaceHeader": ""}, []),
        (EVERYTHING | {"TimerPayload": ""}, ["TimerCron needs TimerPayload"]),
        ({"HttpAuth": "jwt"}, ["HttpAuth jwt needs JwtConfig"]),
        (passing("query::") | {"CustSpaceHeader": ""}, []),
        (passing("") | {"CustSpaceHeader": ""}, ["JwtConfig needs a claimPassBy: query:: if no claim is to be passed"]),
        ({"HttpAuth": "jwt", "JwtConfig": '{"jwks": {"keys": []}}'}, ["JwtConfig needs a claimPassBy"]),
        ({"MaxInstances": 6}, ["MaxInstances above CamsQps needs RedisUrl"]),
        ({"MaxInstances": 6, "CamsQps": 10}, []),
        ({"AlertActionPolicy": "on-call", "LogLevel": "WARNING"}, ["AlertActionPolicy needs LogLevel INFO or DEBUG"]),
        ({"AlertActionPolicy": "on-call", "LogLevel": "DEBUG"}, []),
        ({"CustSpaceHeader": "X-Space"}, ["CustSpaceHeader needs HttpAuth jwt"]),
        (passing("header:space:X-Space"), []),
        (passing("header:space:X-Space") | {"HttpAuth": "function"}, ["CustSpaceHeader needs HttpAuth jwt"]),
        # Each of these lets whoever has a token name a space.
        (passing(""), ["JwtConfig needs a claimPassBy", "CustSpaceHeader needs a claimPassBy"]),
        (passing("header:space:X-Other"), ["CustSpaceHeader needs a claimPassBy"]),
        (passing("query:space:X-Space"), ["CustSpaceHeader needs a claimPassBy"]),
        (passing("header:name:X-Name,header:space:X-Space"), ["CustSpaceHeader needs a claimPassBy"]),
    ],
)
def test_what_contradicts_is_refused_by_the_template_and_before_it_by_make_doctor(
    given: dict[str, Any], told: list[str]
) -> None:
    sentences = refusals(template(), REQUIRED | given)
    assert [sentence.startswith(begin) for sentence, begin in zip(sentences, told, strict=True)] == [True] * len(told)
    assert contradictions(REQUIRED | {name: str(value) for name, value in given.items()}) == sentences


@pytest.mark.parametrize(
    "wrong", [{"MaxInstances": "many"}, {"MaxInstances": "inf"}, {"MaxInstances": "nan"}, {"CamsQps": "0"}]
)
def test_numbers_that_are_none_hold_no_rule(wrong: dict[str, str]) -> None:
    (sentence,) = contradictions(REQUIRED | wrong)
    assert sentence.startswith("MaxInstances above CamsQps")


@pytest.mark.parametrize("config", ["", "{", "[]", "null", "7", '"claimPassBy"', '{"claimPassBy": 7}'])
def test_a_config_that_is_no_json_object_passes_on_no_claim(config: str) -> None:
    given = REQUIRED | {"CustSpaceHeader": "X-Space", "HttpAuth": "jwt", "JwtConfig": config}
    told = [sentence.partition(":")[0].partition(" in ")[0] for sentence in contradictions(given)]
    claims = [] if config == '{"claimPassBy": 7}' else ["JwtConfig needs a claimPassBy"]
    assert told == (
        [*claims, "CustSpaceHeader needs a claimPassBy"] if config else ["HttpAuth jwt needs JwtConfig too."]
    )


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("LogLevels", "INFO", "LogLevels is no parameter of template.yml."),
        ("MaxInstances", "301", "MaxInstances must be 1 to 300."),
        ("MaxInstances", "0", "MaxInstances must be 1 to 300."),
        ("LogDays", "3601", "LogDays must be 1 to 3600."),
        ("MaxInstances", "many", "MaxInstances must be a number."),
        ("MaxInstances", "nan", "MaxInstances must be a number."),
        ("MaxInstances", "", "MaxInstances must be a number."),
        ("MemorySize", "500", "MemorySize must be one of 256, 320, 384, 448, 512, 768, 1024."),
        ("LogLevel", "info", "LogLevel must be one of DEBUG, INFO, WARNING, ERROR."),
        ("VpcId", "vpc_1", "VpcId must match ^(vpc-[a-z0-9]+)?$"),
        ("AllowedOrigins", "x" * 501, "AllowedOrigins must have at most 500 characters."),
    ],
)
def test_a_parameter_that_breaks_its_own_constraint(name: str, wrong: str, sentence: str) -> None:
    assert misfits({"CamsQps": "5", name: wrong}) == [sentence]


def test_parameters_that_keep_their_constraints() -> None:
    assert misfits({name: str(value) for name, value in (REQUIRED | EVERYTHING).items()}) == []
