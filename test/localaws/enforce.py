"""What ministack's enforcement of IAM (AUTH=true) lacks for the worker's role, added at its start.

Each of these is a rule of AWS without which a right policy would be refused, or a condition pass unread:

- a batch is allowed by the action of its single call (sqs:DeleteMessage for DeleteMessageBatch);
- CloudWatch's clients of 2026 name the operation in the path and send CBOR: such calls went unchecked;
- cloudwatch:namespace is what PutMetricData writes to;
- an instance named alone stands for its group, which the local EC2 tags it with;
- aws:ResourceTag of an Auto Scaling group: ministack asks by an ARN that it makes up without the group's id;
- SQS uses a queue's key in the caller's name, who must be allowed to by way of SQS;
  https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
- dynamodb:LeadingKeys are the partition keys that a request names, of the table or of the index it queries.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import json
import re

import cbor2
from ministack.core import iam_actions, iam_evaluator
from ministack.services import autoscaling, dynamodb, ec2, sqs, tagging

KEY_USES = {"sqs:SendMessage": ("kms:Decrypt", "kms:GenerateDataKey"), "sqs:ReceiveMessage": ("kms:Decrypt",)}


def install():
    wrap(iam_actions, "extract_iam_action", action)
    wrap(iam_actions, "extract_resource_arn", resource)
    wrap(iam_actions, "request_tag_context", namespace)
    wrap(iam_actions, "dynamodb_service_context", leading_keys)
    wrap(tagging, "resource_tags", group_tags)
    wrap(iam_evaluator, "enforce", queue_key)


def over_tls(app):
    """Take each request for one over TLS unless it says X-Forwarded-Proto: http; loopback has no TLS, which
    the policies of the queues, the topic and the bucket demand."""
    async def serve_request(scope, receive, send):
        if scope["type"] == "http" and b"x-forwarded-proto" not in dict(scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
        return await app(scope, receive, send)

    return serve_request


def wrap(module, name, around):
    plain = getattr(module, name)
    setattr(module, name, lambda *args, **kwargs: around(plain, *args, **kwargs))


def action(plain, service, method, path, *rest, **kwargs):
    name = plain(service, method, path, *rest, **kwargs)
    if service == "monitoring" and name is None:
        operation = re.search(r"/operation/(\w+)$", path)
        return operation and f"cloudwatch:{operation[1]}"
    if service == "sqs" and name:
        return name.removesuffix("Batch")
    return name


def resource(plain, service, method, path, headers, body, params, region, account):
    if service == "monitoring":
        return "*"  # what the workers call knows no resources, and CBOR cannot be looked into
    if service == "autoscaling" and "AutoScalingGroupName" not in params and "InstanceId" in params:
        params = {**params, "AutoScalingGroupName": [group_of(params["InstanceId"][0])]}
    return plain(service, method, path, headers, body, params, region, account)


def group_of(instance):
    return next((t["Value"] for t in ec2._tags.get(instance, []) if t["Key"] == "aws:autoscaling:groupName"), "")


def queue_key(plain, access_key, iam_action, service, region, resource_arn="*", service_context=None):
    denied = plain(access_key, iam_action, service, region, resource_arn=resource_arn, service_context=service_context)
    uses = KEY_USES.get(iam_action, ())
    key = uses and next((q["attributes"].get("KmsMasterKeyId") for q in sqs._queues.values()
                         if q["attributes"]["QueueArn"] == resource_arn), None)
    via = {"kms:ViaService": f"sqs.{region}.amazonaws.com"}
    for use in uses if key else ():
        denied = denied or plain(access_key, use, "kms", region, resource_arn=key, service_context=via)
    return denied


def namespace(plain, service, iam_action, body, params):
    context = plain(service, iam_action, body, params)
    if iam_action == "cloudwatch:PutMetricData":
        written = cbor2.loads(body) if body[:1] not in (b"{", b"A") else json.loads(body)
        return {**context, "cloudwatch:namespace": written["Namespace"]}
    return context


def group_tags(plain, arn):
    group = autoscaling._asgs.get(arn.rpartition("autoScalingGroupName/")[2])
    if group is None:
        return plain(arn)
    return {t["Key"]: t["Value"] for t in group.get("Tags", [])}


def leading_keys(plain, body):
    request = json.loads(body or b"{}")
    keys = [value for table, key in named_keys(request) for value in key.get(partition_key(table), {}).values()]
    if "KeyConditionExpression" in request:
        keys.append(queried_key(request))
    return {**plain(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}


def named_keys(request):
    """The keys of items that a request names, each with its table."""
    table = request.get("TableName")
    for part in ("Key", "Item"):
        if part in request:
            yield table, request[part]
    for table, items in request.get("RequestItems", {}).items():
        for key in items["Keys"] if isinstance(items, dict) else [k for w in items for r in w.values() for k in r.values()]:
            yield table, key


def partition_key(table, index=None):
    described = dynamodb._tables.get(table) or {}
    schema = described.get("KeySchema", [])
    for candidate in described.get("GlobalSecondaryIndexes") or []:
        if candidate["IndexName"] == index:
            schema = candidate["KeySchema"]
    return next((k["AttributeName"] for k in schema if k["KeyType"] == "HASH"), None)


def queried_key(request):
    """The value that a query's condition sets its partition key equal to; "" where it cannot be told."""
    wanted = partition_key(request.get("TableName"), request.get("IndexName"))
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    for name, value in re.findall(r"([\w#]+)\s*=\s*(:\w+)", request["KeyConditionExpression"]):
        if names.get(name, name) == wanted:
            return next(iter(values.get(value, {"S": ""}).values()))
    return ""
