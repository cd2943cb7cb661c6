// What an instance may do.
'use strict';

// itemsLike limits a statement to items whose partition key is like one of the patterns.
const itemsLike = (...patterns) => ({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns }, Null: { 'dynamodb:LeadingKeys': 'false' } });

function policyOf(tier, config, names) {
  const arn = (service, resource) => `arn:${names.partition}:${service}:${names.region}:${names.account}:${resource}`;
  const s3 = (path) => `arn:${names.partition}:s3:::${path}`;
  const environment = `${tier.Name}-${tier.Environment.Name}`;
  const type = config.Name;
  const reads = config.Reads ?? [];
  const statements = [
    ['Queue', ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:SendMessage', 'sqs:GetQueueAttributes'], [names.queueARN]],
    ['DeadLetterQueue', ['sqs:SendMessage'], [names.deadLetterQueueARN]],
    ['Jobs', ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem'], [arn('dynamodb', `table/${names.table}`)],
      itemsLike(`${type}#*`, `control#${type}`)],
    ['DueJobs', ['dynamodb:Query'], [arn('dynamodb', `table/${names.table}/index/due`)],
      itemsLike(`${type}#*`)],
    ['Artifacts', ['s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts'], [s3(`${names.artifacts}/${type}/*`)]],
    ['LargeJobs', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], [s3(`${names.artifacts}/jobs/${type}/*`)]],
    ['ListArtifacts', ['s3:ListBucket'], [s3(names.artifacts)], { StringLike: { 's3:prefix': [type, ...reads].map((t) => `${t}/*`) } }],
    ['Metrics', ['cloudwatch:PutMetricData'], ['*'], { StringEquals: { 'cloudwatch:namespace': `WorkerTier/${environment}` } }],
    ['LeaveGroup', ['autoscaling:CompleteLifecycleAction', 'autoscaling:RecordLifecycleActionHeartbeat', 'autoscaling:TerminateInstanceInAutoScalingGroup', 'autoscaling:SetInstanceHealth'],
      [arn('autoscaling', 'autoScalingGroup:*:autoScalingGroupName/*')],
      { StringEquals: { 'aws:ResourceTag/worker-tier:environment': environment, 'aws:ResourceTag/worker-tier:content-type': type } }],
    ['Code', ['s3:GetObject'], [...new Set(names.code.map((path) => s3(path.replace(/[^/]*$/, '*.zip'))))]],
    ['SessionManager', ['ssm:UpdateInstanceInformation', 'ssmmessages:CreateControlChannel', 'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel', 'ssmmessages:OpenDataChannel'], ['*']],
    ['Logs', ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'], [names.logGroupARN]],
  ];
  if (reads.length) {
    statements.push(['ReadArtifacts', ['s3:GetObject'], reads.map((other) => s3(`${names.artifacts}/${other}/*`))]);
  }
  if (config.Secrets?.length) {
    statements.push(['Secrets', ['secretsmanager:GetSecretValue'], config.Secrets.map((name) => arn('secretsmanager', `secret:${name}-??????`))]);
  }
  if (config.QueueKey) {
    statements.push(['QueueKey', ['kms:Decrypt', 'kms:GenerateDataKey'], [config.QueueKey],
      { StringEquals: { 'kms:ViaService': `sqs.${names.region}.amazonaws.com` } }]);
  }
  for (const p of config.Policy ?? []) {
    statements.push([undefined, p.Actions, p.Resources]);
  }
  return {
    Version: '2012-10-17',
    Statement: statements.map(([Sid, Action, Resource, Condition]) => ({
      Effect: 'Allow', Action, Resource, ...(Sid && { Sid }), ...(Condition && { Condition }),
    })),
  };
}

module.exports = { policyOf };
