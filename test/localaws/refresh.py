"""The instance refresh by which CloudFormation replaces a group's instances (UpdatePolicy: AutoScalingInstanceRefresh).

A stack's update starts one when it changes the group's launch template or its mixed instances policy, waits for its end,
and fails if it does. The local EC2 replaces the instances: it asks at PATH which refreshes run, and reports there. Without a
local EC2 no instance runs, and nothing is refreshed.

An alarm of the refresh that is in ALARM fails it, at its start as well. CloudWatch evaluates an alarm each minute of the
clock; here the last minute counts, at any moment. Warm-up, checkpoints and bake time are not played.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh.html
"""

import contextvars
import json
import threading
import time
import uuid

from ministack.core.responses import now_iso
from ministack.services import autoscaling, cloudformation, cloudwatch
from ministack.services.cloudformation import provisioners, stacks

GROUP = "AWS::AutoScaling::AutoScalingGroup"
PATH = "/local-ec2/refreshes"
LOOK = 0.05  # seconds between two looks at the alarms of a refresh

definitions = contextvars.ContextVar("definitions", default={})  # resources of the template that is deployed, by logical id
launchers = set()  # of the local EC2s that run
running = {}  # refreshes by id


class Refresh:
    def __init__(self, group, preferences, alarms):
        self.id, self.group, self.alarms, self.started = str(uuid.uuid4()), group, alarms, now_iso()
        self.least = int(preferences.get("MinHealthyPercentage", 90))
        self.most = int(preferences.get("MaxHealthyPercentage", 100))
        self.status = self.reason = None
        self.ended = threading.Event()

    def end(self, status, reason):
        if not self.ended.is_set():
            self.status, self.reason = status, reason
            self.ended.set()

    def record(self):
        """What DescribeInstanceRefreshes says of it."""
        return {"InstanceRefreshId": self.id, "AutoScalingGroupName": self.group, "Status": self.status, "StatusReason": self.reason,
                "StartTime": self.started, "EndTime": now_iso(), "PercentageComplete": 100 if self.status == "Successful" else 0,
                "InstancesToUpdate": 0}


def install():
    handlers = provisioners._RESOURCE_HANDLERS[GROUP]
    ordered, blocks, returns = stacks._topological_sort, stacks._runs_on_worker_thread, stacks._sends_back_failed_update
    update, roll_back = handlers["update"], stacks._roll_back_operation

    def order(resources, *rest):
        definitions.set(resources)
        return ordered(resources, *rest)

    def roll_back_as_before(name, stack_id, stack, operation, *rest, **named):
        previous = (operation["previous_stack"] or {}).get("_template") or {}
        definitions.set(previous.get("Resources") or {})  # whose update policies count now
        return roll_back(name, stack_id, stack, operation, *rest, **named)

    def update_and_refresh(name, old_props, new_props, stack_name, logical_id=None):
        before = launches(name)
        result = update(name, old_props, new_props, stack_name, logical_id)
        policy = (definitions.get().get(logical_id) or {}).get("UpdatePolicy") or {}
        settings = policy.get("AutoScalingInstanceRefresh")
        if settings and launchers and result[0] == name and launches(name) != before:
            refresh(name, settings.get("Preferences") or {}, stack_name)
        return result

    stacks._topological_sort, stacks._roll_back_operation = order, roll_back_as_before
    stacks._runs_on_worker_thread = lambda kind: kind == GROUP or blocks(kind)  # waits for its refresh
    stacks._sends_back_failed_update = lambda kind: kind == GROUP or returns(kind)  # a roll back refreshes, too
    handlers["update"] = update_and_refresh


def launches(group):
    """What a group launches its instances from."""
    record = autoscaling._asgs[group]
    return record.get("LaunchTemplate"), record.get("MixedInstancesPolicy")


def refresh(group, preferences, stack_name):
    names = (preferences.get("AlarmSpecification") or {}).get("Alarms") or []
    this = Refresh(group, preferences, [physical(stack_name, n) for n in names])
    running[this.id] = this
    while not this.ended.is_set():
        for name in this.alarms:
            if rings(name):
                this.end("Failed", f"Alarm {name} is in ALARM state: the instance refresh was cancelled")
        this.ended.wait(LOOK)
    del running[this.id]
    autoscaling._asgs[group].setdefault("InstanceRefreshes", []).insert(0, this.record())
    if this.status != "Successful":
        raise ValueError(f"Instance refresh of {group}: {this.reason}")


def physical(stack_name, name):
    """The name of an alarm, which the template refers to or gives."""
    if isinstance(name, dict):
        return cloudformation._stacks[stack_name]["_resources"][name["Ref"]]["PhysicalResourceId"]
    return name


def rings(name):
    alarm = cloudwatch._alarms[name]
    if (alarm["Statistic"], alarm["ComparisonOperator"], alarm["EvaluationPeriods"]) != ("Sum", "GreaterThanThreshold", 1):
        raise ValueError(f"Alarm {name}: of alarms that watch an instance refresh, only a Sum above a threshold in one period is known here")
    dimensions = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))) or []
    since = time.time() - alarm["Period"]
    return sum(p["Value"] for p in list(points) if p["Timestamp"] >= since) > alarm["Threshold"]


def over_http(app):
    """Answer the local EC2."""
    async def serve_request(scope, receive, send):
        if scope["type"] != "http" or scope["path"] != PATH:
            return await app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        answer = json.dumps(exchange(json.loads(body))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer})

    return serve_request


def exchange(request):
    """Take a local EC2's reports; tell which refreshes run."""
    for report in request.get("reports") or []:
        if report["id"] in running:
            running[report["id"]].end(report["status"], report["reason"])
    if request.get("ends"):
        launchers.discard(request["launcher"])
        for left in list(running.values()) if not launchers else []:
            left.end("Failed", "the local EC2 has ended")
        return []
    launchers.add(request["launcher"])
    return [{"id": r.id, "group": r.group, "least": r.least, "most": r.most} for r in list(running.values()) if not r.ended.is_set()]
