"""What ministack's CloudFormation lacks for private networks, added at its start: addresses and NAT gateways, by the
calls of the API that it has, and the attribute CidrBlock of a VPC."""

import re

from ministack.services import ec2
from ministack.services.cloudformation import provisioners


def install():
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::EC2::EIP"] = {"create": address_create, "delete": address_delete}
    handlers["AWS::EC2::NatGateway"] = {"create": nat_create, "delete": nat_delete}
    vpc = handlers["AWS::EC2::VPC"]
    vpc.update(create=with_cidr(vpc["create"]), update=with_cidr(vpc["update"]))


def address_create(logical_id, props, stack_name):
    allocation = made(ec2._allocate_address({"Domain": props.get("Domain", "vpc")}), "allocationId")
    provisioners._ec2_apply_tags(allocation, props)
    public = ec2._addresses[allocation]["PublicIp"]
    return public, {"AllocationId": allocation, "PublicIp": public}


def address_delete(physical_id, props):
    for allocation in [i for i, a in ec2._addresses.items() if a["PublicIp"] == physical_id]:
        ec2._release_address({"AllocationId": allocation})


def nat_create(logical_id, props, stack_name):
    subnet, allocation = props["SubnetId"], props["AllocationId"]
    if subnet not in ec2._subnets or allocation not in ec2._addresses:  # CreateNatGateway here does not look
        raise ValueError(f"NAT gateway {logical_id}: there is no subnet {subnet} or no address {allocation}")
    gateway = made(ec2._create_nat_gateway({"SubnetId": subnet, "AllocationId": allocation}), "natGatewayId")
    provisioners._ec2_apply_tags(gateway, props)
    return gateway, {"NatGatewayId": gateway}


def nat_delete(physical_id, props):
    ec2._delete_nat_gateway({"NatGatewayId": physical_id})


def made(answer, name):
    """The id in the answer of a call; a refusal fails the stack."""
    status, _, body = answer
    if status >= 400:
        raise ValueError(body.decode())
    return re.search(f"<{name}>(.*?)</{name}>", body.decode())[1]


def with_cidr(handler):
    def handle(*args, **kwargs):
        vpc, attributes = handler(*args, **kwargs)
        return vpc, {**attributes, "CidrBlock": ec2._vpcs[vpc]["CidrBlock"]}

    return handle
