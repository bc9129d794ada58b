"""Checks what the template sets up around the function: concurrency and alarms."""

from collections.abc import Iterator
from typing import Any

from deploy import sls
from deploy.parameters import TEMPLATE, value
from deploy.table import fine, unknown, wrong
from deploy.verify.rows import Row, Target

# Where to correct an alarm: the stack's own record is right, so a deployment would change nothing.
_ALARM_PAGES = {
    "ALIYUN::CMS::ResourceMetricRule": "https://cloudmonitor.console.alibabacloud.com/",
    "ALIYUN::SLS::Alert": "https://sls.console.alibabacloud.com/",
}


def concurrency(target: Target) -> Iterator[Row]:
    """The reserved concurrency is MaxInstances, by which the function divides its quota."""
    wanted = int(target.parameters["MaxInstances"])
    path = f"/2023-03-30/functions/{target.function}/concurrency"
    found = target.account.get("fc", "GetConcurrencyConfig", path).get("reservedConcurrency")
    if found == wanted:
        yield fine("concurrency", f"{found}, as MaxInstances says")
    else:
        body = f"--body '{{\"reservedConcurrency\": {wanted}}}'"
        fix = f"aliyun fc PUT {path} {body} --region {target.account.region}"
        yield wrong("concurrency", f"{found}, but MaxInstances is {wanted}", fix)


def alarms(target: Target) -> Iterator[Row]:
    """Each of the stack's alarms exists, is on, and matches the template."""
    made = {name: kind for name, kind in target.stacks.resources(target.stack) if kind in _ALARMS}
    if not made:
        yield unknown(
            "alarms", "the stack has none", "make deploy … PARAMETERS=…   # with AlertActionPolicy or AlarmContactGroup"
        )
        return
    names = dict(target.parameters) | {"ALIYUN::Region": target.account.region}
    wrongs = {
        name: list(_ALARMS[kind](target, value(TEMPLATE["Resources"][name]["Properties"], names)))
        for name, kind in made.items()
    }
    found = [f"{name}: {', '.join(differences)}" for name, differences in wrongs.items() if differences]
    if found:
        page = _ALARM_PAGES[next(made[name] for name in made if wrongs[name])]
        yield wrong("alarms", "; ".join(found), f"{page}   # correct it there; a deployment would change nothing")
    else:
        yield fine("alarms", f"{len(made)} are on, as the template says")


def _metric_rule(target: Target, wanted: Any) -> Iterator[str]:
    answer = target.account.rpc("cms", "DescribeMetricRuleList", RuleName=wanted["RuleName"])
    # The service also returns rules whose names merely contain this one.
    rule = next((a for a in answer["Alarms"]["Alarm"] if a["RuleName"] == wanted["RuleName"]), None)
    if rule is None:
        yield "not there"
        return
    if not rule.get("EnableState", True):
        yield "off"
    parts = {part: wanted[part] for part in ("MetricName", "Period", "Escalations")}
    yield from _differences(parts | {"ContactGroups": ",".join(wanted["ContactGroups"])}, rule)


def _log_alert(target: Target, wanted: Any) -> Iterator[str]:
    detail = wanted["Detail"]
    try:
        rule = sls.alert(target.account.region, target.outputs["LogProject"], detail["Name"])
    except sls.SlsError as error:
        if error.code != "JobNotExist":
            raise
        yield "not there"
        return
    if rule.get("status", "ENABLED") != "ENABLED":
        yield "off"
    configuration = detail["Configuration"]
    (query,) = configuration["QueryList"]
    (found,) = rule["configuration"]["queryList"]
    yield from _differences({part: query[part] for part in ("Query", "Start", "End")}, _titled(found))
    parts = {part: configuration[part] for part in ("Threshold", "SeverityConfigurations", "PolicyConfiguration")}
    yield from _differences(parts | {"Schedule": detail["Schedule"]}, _titled(rule["configuration"] | rule))


def _titled(found: Any) -> Any:
    """Convert names to ROS's spelling: the service starts them in lower case."""
    if isinstance(found, dict):
        return {name[:1].upper() + name[1:]: _titled(part) for name, part in found.items()}
    return [_titled(item) for item in found] if isinstance(found, list) else found


def _differences(wanted: Any, found: Any, name: str = "") -> Iterator[str]:
    """How what was found differs from what is wanted; parts that are only in what was found do not count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, part in wanted.items():
            yield from _differences(part, found.get(key), key)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for part, other in zip(wanted, found, strict=True):
            yield from _differences(part, other, name)
    elif str(wanted) != ("" if found is None else str(found)):
        yield f"{name} is {found}, not {wanted}"


_ALARMS = {"ALIYUN::CMS::ResourceMetricRule": _metric_rule, "ALIYUN::SLS::Alert": _log_alert}
