// The stack of what all content types use.
'use strict';

const cdk = require('aws-cdk-lib');
const dynamodb = require('aws-cdk-lib/aws-dynamodb');
const ec2 = require('aws-cdk-lib/aws-ec2');
const iam = require('aws-cdk-lib/aws-iam');
const kms = require('aws-cdk-lib/aws-kms');
const s3 = require('aws-cdk-lib/aws-s3');
const sns = require('aws-cdk-lib/aws-sns');
const ssm = require('aws-cdk-lib/aws-ssm');
const { Construct } = require('constructs');
const { addTierDashboard } = require('./dashboard');

function addShared(stack, tier, parameters) {
  const env = tier.Environment;
  const removalPolicy = env.Disposable ? cdk.RemovalPolicy.DESTROY : cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
  const { vpcId, subnets } = addNetwork(stack, env);
  const table = addTable(stack, env, removalPolicy);
  const artifacts = new s3.Bucket(stack, 'Artifacts', {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    removalPolicy,
    versioned: false,
    lifecycleRules: [{ abortIncompleteMultipartUploadAfter: cdk.Duration.days(7) }, { prefix: 'jobs/', expiration: cdk.Duration.days(365) }],
  });
  artifacts.addToResourcePolicy(new iam.PolicyStatement({
    sid: 'WriteOnce', effect: iam.Effect.DENY, principals: [new iam.StarPrincipal()], actions: ['s3:PutObject'],
    resources: ['jobs/*', '*/packs/*', '*/segments/*'].map((keys) => artifacts.arnForObjects(keys)),
    conditions: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
  }));
  const alarms = new sns.Topic(stack, 'Alarms', {
    enforceSSL: true, masterKey: env.AlarmKey ? kms.Key.fromKeyArn(stack, 'AlarmKey', env.AlarmKey) : undefined,
  });
  alarms.addToResourcePolicy(iam.PolicyStatement.fromJson({
    Sid: 'Alarms',
    Effect: 'Allow',
    Principal: { Service: 'cloudwatch.amazonaws.com' },
    Action: 'sns:Publish',
    Resource: alarms.topicArn,
    Condition: { StringEquals: { 'aws:SourceAccount': env.Account } },
  }));
  const deployed = new cdk.CfnParameter(stack, 'DeployedNetwork', {
    type: 'String', default: env.Network.Mode, description: 'The network of this stack. Set it to change a deployed network, see docs/changes.md',
  });
  new cdk.CfnRule(stack, 'NetworkStays', {
    assertions: [{
      assert: cdk.Fn.conditionEquals(deployed.valueAsString, env.Network.Mode),
      assertDescription: `The network would become ${env.Network.Mode}, and running instances would lose their way to AWS. Retire the content types first, or set the parameter DeployedNetwork to this value: docs/changes.md has the steps. Nothing was changed.`,
    }],
  });
  addTierDashboard(stack, tier);

  for (const [id, type, name, value, description] of [
    ['TableParameter', 'String', parameters.table, table.tableName, 'name of the job table'],
    ['ArtifactsParameter', 'String', parameters.artifacts, artifacts.bucketName, 'name of the artifacts bucket'],
    ['AlarmsParameter', 'String', parameters.alarmTopic, alarms.topicArn, 'ARN of the topic that alarms are sent to'],
    ['VPCParameter', 'String', parameters.vpc, vpcId, 'the VPC of all instances'],
    ['SubnetsParameter', 'StringList', parameters.subnets, subnets.join(','), 'the subnets of all instances'],
  ]) {
    new ssm.CfnParameter(stack, id, { name, type, value, description });
  }
}

// addNetwork returns the ids of the VPC and of its subnets.
function addNetwork(stack, env) {
  const vpc = new Construct(new Construct(stack, 'Network'), 'VPC');
  const vpcId = new ec2.CfnVPC(vpc, 'Resource', {
    cidrBlock: '10.0.0.0/16', enableDnsHostnames: true, enableDnsSupport: true, instanceTenancy: 'default', tags: named(vpc),
  }).ref;
  const internetGatewayId = new ec2.CfnInternetGateway(vpc, 'IGW', { tags: named(vpc) }).ref;
  const attached = new ec2.CfnVPCGatewayAttachment(vpc, 'VPCGW', { vpcId, internetGatewayId });
  const routeTableIds = [];
  const subnets = [...env.AvailabilityZones].sort().map((zone) => {
    const scope = new Construct(vpc, `Instances-${zone}`);
    const block = zone.charCodeAt(zone.length - 1) - 'a'.charCodeAt(0);
    const subnetId = new ec2.CfnSubnet(scope, 'Subnet', {
      vpcId, availabilityZone: zone, cidrBlock: `10.0.${16 * block}.0/20`, mapPublicIpOnLaunch: true, tags: named(scope),
    }).ref;
    const routeTableId = new ec2.CfnRouteTable(scope, 'RouteTable', { vpcId, tags: named(scope) }).ref;
    new ec2.CfnSubnetRouteTableAssociation(scope, 'RouteTableAssociation', { routeTableId, subnetId });
    new ec2.CfnRoute(scope, 'DefaultRoute', { routeTableId, destinationCidrBlock: '0.0.0.0/0', gatewayId: internetGatewayId }).addDependency(attached);
    routeTableIds.push(routeTableId);
    return subnetId;
  });
  for (const [id, service] of [['S3', ec2.GatewayVpcEndpointAwsService.S3], ['DynamoDB', ec2.GatewayVpcEndpointAwsService.DYNAMODB]]) {
    const scope = new Construct(vpc, id);
    new ec2.CfnVPCEndpoint(scope, 'Resource', { vpcId, vpcEndpointType: 'Gateway', serviceName: service.name, routeTableIds, tags: named(scope) });
  }
  return { vpcId, subnets };
}

function named(scope) {
  return [{ key: 'Name', value: scope.node.path }];
}

function addTable(stack, env, removalPolicy) {
  const scope = new Construct(stack, 'Jobs');
  const text = (name) => ({ name, type: dynamodb.AttributeType.STRING });
  return new dynamodb.TableV2(scope, 'Table', {
    partitionKey: text('pk'),
    globalSecondaryIndexes: [{
      indexName: 'due',
      partitionKey: text('duePartition'),
      sortKey: text('dueSort'),
      projectionType: dynamodb.ProjectionType.KEYS_ONLY,
    }],
    timeToLiveAttribute: 'ttl',
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: !env.Disposable,
    removalPolicy,
  });
}

module.exports = { addShared };
