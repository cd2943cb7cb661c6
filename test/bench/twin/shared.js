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
  stack.node.setContext(`availability-zones:account=${env.Account}:region=${env.Region}`, env.AvailabilityZones);
  const vpc = addNetwork(stack, env);
  const table = addTable(stack, env, removalPolicy);
  const artifacts = new s3.Bucket(stack, 'Artifacts', {
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    removalPolicy,
    lifecycleRules: [{ abortIncompleteMultipartUploadAfter: cdk.Duration.days(7) }, { prefix: 'jobs/', expiration: cdk.Duration.days(365) }],
  });
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
  addTierDashboard(stack, tier);

  const subnets = vpc.selectSubnets({ subnetType: ec2.SubnetType.PUBLIC }).subnetIds;
  for (const [id, type, name, value, description] of [
    ['TableParameter', 'String', parameters.table, table.tableName, 'name of the job table'],
    ['ArtifactsParameter', 'String', parameters.artifacts, artifacts.bucketName, 'name of the artifacts bucket'],
    ['AlarmsParameter', 'String', parameters.alarmTopic, alarms.topicArn, 'ARN of the topic that alarms are sent to'],
    ['VPCParameter', 'String', parameters.vpc, vpc.vpcId, 'the VPC of all instances'],
    ['SubnetsParameter', 'StringList', parameters.subnets, subnets.join(','), 'the subnets of all instances'],
  ]) {
    new ssm.CfnParameter(stack, id, { name, type, value, description });
  }
}

function addNetwork(stack, env) {
  const scope = new Construct(stack, 'Network');
  return new ec2.Vpc(scope, 'VPC', {
    availabilityZones: env.AvailabilityZones,
    subnetConfiguration: [{ name: 'Instances', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 20 }],
    natGateways: 0,
    restrictDefaultSecurityGroup: false,
    gatewayEndpoints: {
      S3: { service: ec2.GatewayVpcEndpointAwsService.S3 },
      DynamoDB: { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB },
    },
  });
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
