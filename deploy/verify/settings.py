"""Checks of what the template asked for around the function: concurrency and alarms."""

from collections.abc import Iterator
from typing import Any

from deploy import sls
from deploy.parameters import TEMPLATE
from deploy.table import fine, unknown, wrong
from deploy.verify.rows import Row, Target

# The stack still has what is wanted, so that a deployment would change nothing.
_ALARM_PAGES = {
    "ALIYUN::CMS::ResourceMetricRule": "https://cloudmonitor.console.alibabacloud.com/",
    "ALIYUN::SLS::Alert": "https://sls.console.alibabacloud.com/",
}


def concurrency(target: Target) -> Iterator[Row]:
    """The reserved concurrency is what the function shares its quota by."""
    wanted = int(target.parameters["MaxInstances"])
    path = f"/2023-03-30/functions/{target.function}/concurrency"
    found = target.account.get("fc", "GetConcurrencyConfig", path).get("reservedConcurrency")
    if found == wanted:
        yield fine("concurrency", f"{found}, as MaxInstances says")
    else:
        body = f"--body '{{\"reservedConcurrency\": {wanted}}}'"
        mend = f"aliyun fc PUT {path} {body} --region {target.account.region}"
        yield wrong("concurrency", f"{found}, but MaxInstances is {wanted}", mend)


def alarms(target: Target) -> Iterator[Row]:
    """Each alarm that the stack made is there and on."""
    made = [(name, kind) for name, kind in target.stacks.resources(target.stack) if kind in _ALARMS]
    if not made:
        yield unknown("alarms", "the stack has none", "make deploy … PARAMETERS=…   # with AlarmContactGroup")
        return
    off = {name: kind for name, kind in made if not _ALARMS[kind](target, TEMPLATE["Resources"][name]["Properties"])}
    if off:
        page = _ALARM_PAGES[next(iter(off.values()))]
        yield wrong(
            "alarms", f"not there, or off: {', '.join(off)}", f"{page}   # switch it on there, or make it again"
        )
    else:
        yield fine("alarms", f"{len(made)} are on")


def _metric_rule_is_on(target: Target, properties: Any) -> bool:
    rule = _text(properties["RuleName"], target)
    answer = target.account.rpc("cms", "DescribeMetricRuleList", RuleName=rule)
    return any(a["RuleName"] == rule and a.get("EnableState", True) for a in answer["Alarms"]["Alarm"])


def _log_alert_is_on(target: Target, properties: Any) -> bool:
    try:
        found = sls.alert(
            target.account.region, target.outputs["LogProject"], _text(properties["Detail"]["Name"], target)
        )
    except sls.SlsError as error:
        if error.code != "JobNotExist":
            raise
        return False
    return bool(found.get("status", "ENABLED") == "ENABLED")


_ALARMS = {"ALIYUN::CMS::ResourceMetricRule": _metric_rule_is_on, "ALIYUN::SLS::Alert": _log_alert_is_on}


def _text(value: Any, target: Target) -> str:
    """A name of the template, which is made of texts and parameters."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Ref":
        return (dict(target.parameters) | {"ALIYUN::Region": target.account.region})[argument]
    separator, parts = argument
    return str(separator).join(_text(part, target) for part in parts)
