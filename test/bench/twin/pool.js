// The stack of one content type.
'use strict';

const { createHash } = require('crypto');
const cdk = require('aws-cdk-lib');
const autoscaling = require('aws-cdk-lib/aws-autoscaling');
const ec2 = require('aws-cdk-lib/aws-ec2');
const iam = require('aws-cdk-lib/aws-iam');
const kms = require('aws-cdk-lib/aws-kms');
const logs = require('aws-cdk-lib/aws-logs');
const { Asset } = require('aws-cdk-lib/aws-s3-assets');
const sqs = require('aws-cdk-lib/aws-sqs');
const ssm = require('aws-cdk-lib/aws-ssm');
const { Construct } = require('constructs');
const { addAlarms, addBootFailures } = require('./alarms');
const { addPoolDashboard } = require('./dashboard');
const { policyOf } = require('./permissions');

const read = (stack, path) => ssm.StringParameter.valueForStringParameter(stack, path);

function addPool(stack, tier, type, parameters) {
  const shared = {
    vpc: read(stack, parameters.vpc),
    subnets: ssm.StringListParameter.valueForTypedListParameter(stack, parameters.subnets, ssm.ParameterValueType.STRING),
    table: read(stack, parameters.table),
    artifacts: read(stack, parameters.artifacts),
    alarmTopic: read(stack, parameters.alarmTopic),
  };
  const pool = new Construct(stack, 'Pool');
  const { queue, deadLetterQueue } = addQueues(pool, tier, type);
  const code = [new Asset(pool, 'Bundle', { path: type.bundle })];
  if (type.files) {
    code.push(new Asset(pool, 'Files', { path: type.files }));
  }
  const logGroup = new logs.LogGroup(pool, 'Logs', {
    retention: logs.RetentionDays.ONE_MONTH,
    removalPolicy: cdk.RemovalPolicy.DESTROY,
  });
  const names = {
    partition: cdk.Aws.PARTITION, region: stack.region, account: stack.account,
    queue: queue.queueName, queueARN: queue.queueArn, queueURL: queue.queueUrl,
    deadLetterQueue: deadLetterQueue.queueName, deadLetterQueueARN: deadLetterQueue.queueArn, deadLetterQueueURL: deadLetterQueue.queueUrl,
    logGroup: logGroup.logGroupName, logGroupARN: logGroup.logGroupArn, code: code.map((a) => `${a.s3BucketName}/${a.s3ObjectKey}`),
    table: shared.table, artifacts: shared.artifacts,
  };
  const role = new iam.Role(pool, 'Role', {
    assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
    description: `Instances that work on ${type.config.Name} jobs`,
    inlinePolicies: { worker: iam.PolicyDocument.fromJson(policyOf(tier, type.config, names)) },
  });
  const profile = new iam.CfnInstanceProfile(pool, 'Profile', { roles: [role.roleName] });
  const template = addLaunchTemplate(pool, tier, type, {
    vpc: shared.vpc, profile: profile.ref, userData: scriptOf(type.script, names, code),
  });
  const bootFailures = addBootFailures(pool, tier, type, shared.alarmTopic);
  names.group = addGroup(pool, tier, type, shared.subnets, template, bootFailures.forRefresh).ref;
  const alarms = { ...addAlarms(pool, tier, type, names, shared.alarmTopic), BootFailures: bootFailures.forPeople.attrArn };
  addPoolDashboard(pool, type, { ...names, ...alarms });
  new ssm.CfnParameter(pool, 'QueueURL', {
    name: type.queueParameter,
    type: 'String',
    value: names.queueURL,
    description: `URL of the queue to which ${type.config.Name} jobs are submitted`,
  });
}

// scriptOf puts the values that only the CDK knows into the user-data that the Go side rendered.
function scriptOf(script, names, code) {
  const values = {
    '@table@': names.table, '@artifacts@': names.artifacts, '@queueURL@': names.queueURL, '@deadLetterQueueURL@': names.deadLetterQueueURL,
    '@logGroup@': names.logGroup,
    '@bundleBucket@': code[0].s3BucketName, '@bundleKey@': code[0].s3ObjectKey,
    '@filesBucket@': code[1]?.s3BucketName, '@filesKey@': code[1]?.s3ObjectKey,
  };
  return script.replace(/@[a-zA-Z]+@/g, (name) => values[name] ?? name);
}

function addQueues(pool, tier, type) {
  const common = {
    retentionPeriod: cdk.Duration.days(14),
    ...(type.config.QueueKey ? {
      encryption: sqs.QueueEncryption.KMS,
      encryptionMasterKey: kms.Key.fromKeyArn(pool, 'QueueKey', type.config.QueueKey),
      dataKeyReuse: cdk.Duration.hours(1),
    } : { encryption: sqs.QueueEncryption.SQS_MANAGED }),
    enforceSSL: true,
    removalPolicy: tier.Environment.Disposable ? cdk.RemovalPolicy.DESTROY : cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  };
  const deadLetterQueue = new sqs.Queue(pool, 'DeadLetterQueue', common);
  const queue = new sqs.Queue(pool, 'Queue', {
    ...common,
    visibilityTimeout: cdk.Duration.seconds(Math.round(type.config.Job.Lease / 1e9)),
    deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: 20 },
  });
  if (type.config.Producers?.length) {
    queue.addToResourcePolicy(iam.PolicyStatement.fromJson({
      Sid: 'Producers',
      Effect: 'Allow',
      Principal: { AWS: type.config.Producers },
      Action: ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
      Resource: queue.queueArn,
    }));
  }
  return { queue, deadLetterQueue };
}

function placeOf(env) {
  return createHash('sha256').update([env.Network.Mode, ...[...env.AvailabilityZones].sort()].join(' ')).digest('hex').slice(0, 12);
}

function tagsOf(tier, type) {
  const environment = `${tier.Name}-${tier.Environment.Name}`;
  const all = {
    ...type.config.Tags,
    Name: `${environment}-${type.config.Name}`,
    'worker-tier:environment': environment,
    'worker-tier:content-type': type.config.Name,
  };
  return Object.keys(all).sort().map((key) => ({ key, value: all[key] }));
}

function addLaunchTemplate(pool, tier, type, { vpc, profile, userData }) {
  const t = type.config;
  const securityGroup = new ec2.CfnSecurityGroup(pool, 'SecurityGroup', {
    groupDescription: `Instances that work on ${t.Name} jobs`,
    vpcId: vpc,
    securityGroupIngress: t.Inbound?.map((rule) => ({
      ipProtocol: 'tcp', fromPort: rule.Port, toPort: rule.Port, sourceSecurityGroupId: rule.SecurityGroup,
      description: 'Members of a group that the configuration lets in',
    })),
    securityGroupEgress: [{ ipProtocol: '-1', cidrIp: '0.0.0.0/0', description: 'AWS services, sources and sinks' }],
  });
  return new ec2.CfnLaunchTemplate(pool, 'LaunchTemplate', {
    versionDescription: `network ${tier.Environment.Network.Mode}`,
    launchTemplateData: {
      imageId: tier.Environment.BaseImage.AMI,
      instanceType: t.InstanceTypes[0],
      iamInstanceProfile: { name: profile },
      securityGroupIds: [securityGroup.attrGroupId],
      monitoring: { enabled: true },
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1, instanceMetadataTags: 'enabled' },
      blockDeviceMappings: [{
        deviceName: tier.Environment.BaseImage.RootDevice,
        ebs: { volumeSize: t.RootVolumeGiB, volumeType: 'gp3', encrypted: true, deleteOnTermination: true },
      }],
      tagSpecifications: [{ resourceType: 'volume', tags: tagsOf(tier, type) }],
      userData: cdk.Token.asString(new cdk.Intrinsic({ 'Fn::Base64': { 'Fn::Join': ['\n', userData.split('\n')] } })),
    },
  });
}

function addGroup(pool, tier, type, subnets, launchTemplate, bootFailures) {
  const t = type.config;
  const template = { launchTemplateId: launchTemplate.ref, version: launchTemplate.attrLatestVersionNumber };
  const mixed = t.InstanceTypes.length > 1 || t.SpotPercent > 0;
  const group = new autoscaling.CfnAutoScalingGroup(pool, 'Group', {
    minSize: `${t.MinCapacity}`,
    maxSize: `${t.MaxCapacity}`,
    vpcZoneIdentifier: subnets,
    defaultInstanceWarmup: 120,
    deletionProtection: tier.Environment.Disposable ? 'none' : 'prevent-force-deletion',
    metricsCollection: [{ granularity: '1Minute' }],
    lifecycleHookSpecificationList: [{
      lifecycleHookName: 'boot',
      lifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      heartbeatTimeout: type.launchSeconds,
      defaultResult: 'ABANDON',
    }, {
      lifecycleHookName: 'drain',
      lifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
      heartbeatTimeout: type.hookSeconds,
      defaultResult: 'CONTINUE',
    }],
    tags: [
      ...tagsOf(tier, type).map((tag) => ({ ...tag, propagateAtLaunch: true })),
      { key: 'worker-tier:place', value: placeOf(tier.Environment), propagateAtLaunch: false },
    ],
    launchTemplate: mixed ? undefined : template,
    mixedInstancesPolicy: mixed ? {
      launchTemplate: { launchTemplateSpecification: template, overrides: t.InstanceTypes.map((instanceType) => ({ instanceType })) },
      instancesDistribution: {
        onDemandAllocationStrategy: 'prioritized',
        onDemandPercentageAboveBaseCapacity: 100 - t.SpotPercent,
        spotAllocationStrategy: 'price-capacity-optimized',
      },
    } : undefined,
  });
  group.cfnOptions.updatePolicy = {
    autoScalingInstanceRefresh: {
      strategy: 'Rolling',
      preferences: {
        minHealthyPercentage: 100, maxHealthyPercentage: 110, scaleInProtectedInstances: 'Refresh', standbyInstances: 'Ignore',
        alarmSpecification: { alarms: [bootFailures.ref] },
      },
    },
  };
  return group;
}

module.exports = { addPool };
