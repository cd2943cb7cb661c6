"""The local AWS: ministack on an inherited socket, plus what it lacks for the worker tier.

Templates are never bent to what an emulator knows; what it drops is added here:

- alarms on metric math (AWS::CloudWatch::Alarm with Metrics) are stored with their queries;
- lifecycle hooks given inside a group (LifecycleHookSpecificationList) exist from its creation, and
  completing or heartbeating an action of a hook that does not exist is refused;
- TerminateInstanceInAutoScalingGroup and SetInstanceHealth are answered; whoever runs the instances carries it out;
- SuspendProcesses and ResumeProcesses are answered;
- a group in subnets stands in the zones of its subnets, and an update leaves its desired capacity alone;
- a group with a MixedInstancesPolicy keeps and describes it;
- an update that changes a group's launch template replaces its instances by an instance refresh, if a local EC2 runs, see refresh.py;
- a warm pool exists and is described, and protection from scale-in can be set;
- NAT gateways with their addresses are made from a template, and a VPC tells its CidrBlock, see network.py;
- a group whose launch template names an image that does not exist is refused, so that a stack with it rolls back;
- a long poll whose client has gone away ends, instead of taking the next message with it;
- with AUTH=true in the environment IAM is enforced, with what enforce.py adds to it.

Usage: server.py FD [--with-parent]
FD is a listening socket; with --with-parent the server ends when its standard input does.
"""

import asyncio
import os
import re
import socket
import sys
import threading

import enforce
import network
import refresh
import silence
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core import responses
from ministack.services import autoscaling, ec2
from ministack.services.cloudformation import provisioners

GROUP = "AWS::AutoScaling::AutoScalingGroup"


def add_metric_math():
    """Let CloudFormation store alarms on metric math; CloudWatch's evaluation leaves them alone."""
    plain = provisioners._cw_metric_alarm_record

    def record(name, props):
        queries = props.get("Metrics")
        if not queries:
            return plain(name, props)
        check_queries(queries)
        rest = {k: v for k, v in props.items() if k != "Metrics"}
        alarm = plain(name, {**rest, "MetricName": "math", "Namespace": "math"})
        for key in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
            alarm.pop(key)
        alarm["Metrics"] = [typed(q) for q in queries]
        return alarm

    provisioners._cw_metric_alarm_record = record


def check_queries(queries):
    """Refuse what PutMetricAlarm refuses of its Metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
    """
    ids = [q.get("Id", "") for q in queries]
    bad = [i for i in ids if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", i)]
    if bad or len(set(ids)) != len(ids):
        raise ValueError(f"Metrics: each Id must be unique and begin with a lower-case letter, not {ids}")
    if any(("Expression" in q) == ("MetricStat" in q) for q in queries):
        raise ValueError("Metrics: each query needs either Expression or MetricStat")
    if sum(truth(q.get("ReturnData", True)) for q in queries) != 1:
        raise ValueError("Metrics: exactly one query must return data")


def typed(query):
    """A query with the types of the API: a template may give numbers and booleans as text."""
    out = {**query, "ReturnData": truth(query.get("ReturnData", True))}
    if "Period" in out:
        out["Period"] = int(out["Period"])
    if "MetricStat" in out:
        out["MetricStat"] = {**out["MetricStat"], "Period": int(out["MetricStat"]["Period"])}
    return out


def truth(value):
    return str(value).lower() == "true"


def add_group_properties():
    """Keep the hooks, zones and instance types that a template gives its group."""
    create, update, fields = provisioners._asg_create, provisioners._asg_update, provisioners._asg_fields

    def group_fields(props):
        out = fields(props)
        if not props.get("AvailabilityZones"):
            out["AvailabilityZones"] = zones(out["VPCZoneIdentifier"]) or out["AvailabilityZones"]
        policy = props.get("MixedInstancesPolicy")
        if policy:
            spec = (policy.get("LaunchTemplate") or {}).get("LaunchTemplateSpecification")
            template = {**(policy.get("LaunchTemplate") or {}),
                        "LaunchTemplateSpecification": provisioners._asg_launch_template(spec)}
            policy = {**policy, "LaunchTemplate": template}
        out["MixedInstancesPolicy"] = policy
        return out

    def group_create(logical_id, props, stack_name):
        check_image(props)
        name, attributes = create(logical_id, props, stack_name)
        put_hooks(name, props)
        return name, attributes

    def group_update(physical_id, old_props, new_props, stack_name, logical_id=None):
        check_image(new_props)
        desired = autoscaling._asgs[physical_id]["DesiredCapacity"]
        name, attributes = update(physical_id, old_props, new_props, stack_name, logical_id)
        if name == physical_id:  # a replaced group went through create
            group = autoscaling._asgs[name]
            if "DesiredCapacity" not in new_props:  # as on AWS, it moves as far as the bounds say
                group["DesiredCapacity"] = max(group["MinSize"], min(group["MaxSize"], desired))
            dropped = hook_names(old_props) - hook_names(new_props)
            for hook in dropped:
                autoscaling._hooks.pop(f"{name}/{hook}", None)
            put_hooks(name, new_props)
        return name, attributes

    provisioners._asg_fields = group_fields
    provisioners._asg_create = group_create
    provisioners._asg_update = group_update
    provisioners._RESOURCE_HANDLERS[GROUP].update(create=group_create, update=group_update)


def check_image(props):
    """Refuse a group as EC2 Auto Scaling does whose launch template names an image that is not there."""
    mixed = (props.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    spec = props.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    template = ec2._launch_templates.get(spec.get("LaunchTemplateId", "")) or {}
    for version in template.get("Versions", []):
        image = version["LaunchTemplateData"].get("ImageId")
        known = {stub[0] for stub in ec2._STUB_AMIS} | set(ec2._images)
        if str(version["VersionNumber"]) == str(spec.get("Version")) and image and image not in known:
            raise ValueError(f"You must use a valid fully-formed launch template. The image id '[{image}]' does not exist")


def zones(subnet_ids):
    """The zones of a comma-separated list of subnets, in its order."""
    known = (ec2._subnets.get(s.strip()) for s in subnet_ids.split(",") if s.strip())
    return list(dict.fromkeys(s["AvailabilityZone"] for s in known if s))


def hook_names(props):
    return {h["LifecycleHookName"] for h in props.get("LifecycleHookSpecificationList") or []}


def put_hooks(group, props):
    for hook in props.get("LifecycleHookSpecificationList") or []:
        name = hook["LifecycleHookName"]
        autoscaling._hooks[f"{group}/{name}"] = autoscaling._hook_record(group, name, hook)


def add_group_actions():
    """Describe mixed instances policies; check the hook of a lifecycle action."""
    actions = autoscaling._ACTION_MAP
    describe = actions["DescribeAutoScalingGroups"]

    def describe_groups(params):
        status, headers, body = describe(params)
        for name, group in autoscaling._asgs.items():
            policy = group.get("MixedInstancesPolicy")
            if policy:
                tag = f"<AutoScalingGroupName>{name}</AutoScalingGroupName>".encode()
                xml = f"<MixedInstancesPolicy>{autoscaling._member_xml(policy)}</MixedInstancesPolicy>"
                body = body.replace(tag, tag + xml.encode())
        return status, headers, body

    actions["DescribeAutoScalingGroups"] = describe_groups
    actions["SetInstanceProtection"] = set_instance_protection
    for action in ("CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"):
        actions[action] = with_hook(actions[action])
    actions["TerminateInstanceInAutoScalingGroup"] = terminate_instance
    actions["SetInstanceHealth"] = set_instance_health
    actions["SuspendProcesses"] = switch_processes("SuspendProcesses")
    actions["ResumeProcesses"] = switch_processes("ResumeProcesses")


# https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
PROCESSES = {"Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck",
             "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions"}


def switch_processes(name):
    """Check the parameters, as AWS does; no process of a group runs here anyway."""

    def handle(params):
        group = params.get("AutoScalingGroupName", "")
        if group not in autoscaling._asgs:
            return autoscaling._error("ValidationError", f"AutoScalingGroup name not found - {group!r}")
        processes = autoscaling._parse_member_list(params, "ScalingProcesses")
        if not set(processes) <= PROCESSES:
            return autoscaling._error("ValidationError", f"ScalingProcesses {processes!r}")
        return autoscaling._xml(200, f"{name}Response", "")

    return handle


def terminate_instance(params):
    """Check the parameters, as AWS does; the local EC2 sees the request and ends the instance."""
    instance, decrement = params.get("InstanceId", ""), params.get("ShouldDecrementDesiredCapacity", "")
    if not re.fullmatch(r"i-[0-9a-f]{17}", instance) or decrement not in ("true", "false"):
        return autoscaling._error("ValidationError", f"InstanceId {instance!r}, ShouldDecrementDesiredCapacity {decrement!r}")
    name = "TerminateInstanceInAutoScalingGroup"
    activity = f"<Activity><ActivityId>{instance}</ActivityId><StatusCode>InProgress</StatusCode></Activity>"
    return autoscaling._xml(200, f"{name}Response", f"<{name}Result>{activity}</{name}Result>")


def set_instance_health(params):
    """Check the parameters, as AWS does; the local EC2 sees the request and replaces an unhealthy instance."""
    instance, status = params.get("InstanceId", ""), params.get("HealthStatus", "")
    if not re.fullmatch(r"i-[0-9a-f]{17}", instance) or status not in ("Healthy", "Unhealthy"):
        return autoscaling._error("ValidationError", f"InstanceId {instance!r}, HealthStatus {status!r}")
    return autoscaling._xml(200, "SetInstanceHealthResponse", "")


def add_warm_pools():
    """AWS::AutoScaling::WarmPool, described by DescribeWarmPool; nothing is launched into it."""
    pools = {}

    def put(logical_id, props, stack_name):
        group = props["AutoScalingGroupName"]
        if autoscaling._asgs[group].get("MixedInstancesPolicy"):  # as PutWarmPool
            raise ValueError(f"The Auto Scaling group {group} has a mixed instances policy: it can have no warm pool")
        pools[group] = {k: props[k] for k in ("MinSize", "MaxGroupPreparedCapacity", "PoolState") if k in props}
        return group, {}

    def update(physical_id, old_props, new_props, stack_name):
        return put(None, new_props, stack_name)

    def delete(physical_id, props):
        pools.pop(physical_id, None)

    def describe(params):
        pool = pools.get(autoscaling._p(params, "AutoScalingGroupName"))
        configuration = f"<WarmPoolConfiguration>{autoscaling._member_xml(pool)}</WarmPoolConfiguration>" if pool else ""
        return autoscaling._xml(200, "DescribeWarmPoolResponse",
                                f"<DescribeWarmPoolResult>{configuration}<Instances/></DescribeWarmPoolResult>")

    provisioners._RESOURCE_HANDLERS["AWS::AutoScaling::WarmPool"] = {"create": put, "update": update, "delete": delete}
    autoscaling._ACTION_MAP["DescribeWarmPool"] = describe


def set_instance_protection(params):
    """Protect instances of a group from scale-in, or no longer; others are refused."""
    group = autoscaling._asgs.get(autoscaling._p(params, "AutoScalingGroupName")) or {"Instances": []}
    instances = {i["InstanceId"]: i for i in group["Instances"]}
    wanted = autoscaling._parse_member_list(params, "InstanceIds")
    unknown = [i for i in wanted if i not in instances]
    if unknown:
        return autoscaling._error("ValidationError", f"The instances {unknown} are not in the group")
    for i in wanted:
        instances[i]["ProtectedFromScaleIn"] = truth(autoscaling._p(params, "ProtectedFromScaleIn"))
    return autoscaling._xml(200, "SetInstanceProtectionResponse", "<SetInstanceProtectionResult/>")


def with_hook(handler):
    def handle(params):
        group, hook = params.get("AutoScalingGroupName", ""), params.get("LifecycleHookName", "")
        if f"{group}/{hook}" not in autoscaling._hooks:
            return autoscaling._error("ValidationError", f"No lifecycle hook {hook} in group {group}")
        return handler(params)

    return handle


def cut_long_polls(app):
    """Cancel an SQS long poll when its client disconnects; nothing else is cut short, as on AWS."""
    async def serve_request(scope, receive, send):
        if scope["type"] != "http" or dict(scope["headers"]).get(b"x-amz-target") != b"AmazonSQS.ReceiveMessage":
            return await app(scope, receive, send)
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        answering = asyncio.ensure_future(app(scope, replay(messages), send))
        gone = asyncio.ensure_future(receive())  # the next message can only be that the client is gone
        await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            answering.cancel()
        gone.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)

    return serve_request


def replay(messages):
    """A receive channel with these messages and no end."""
    queue = iter(messages)

    async def receive():
        for message in queue:
            return message
        return await asyncio.get_running_loop().create_future()

    return receive


def end_with_parent():
    """End this process when standard input ends: the parent is gone, however it went."""
    def wait():
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main():
    if "--with-parent" in sys.argv:
        end_with_parent()
    add_metric_math()
    add_group_properties()
    add_group_actions()
    add_warm_pools()
    network.install()
    refresh.install()
    responses._service_model("sts")  # else the first request imports botocore, the longest silence of a loaded machine
    app = refresh.over_http(cut_long_polls(ministack.app))
    if ministack.AUTH:
        enforce.install()
        app = enforce.over_tls(app)
    listener = socket.socket(fileno=os.dup(int(sys.argv[1])))
    # Answers go out in several small writes: without this each waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.backlog = socket.SOMAXCONN  # of connections that wait: one that is turned away tries again after seconds
    config.keep_alive_timeout = 75
    config.keep_alive_max_requests = 1 << 62  # AWS SDKs log a warning when a connection ends early
    config.loglevel = "WARNING"
    asyncio.run(silence.watched(serve(app, config)))


main()
