// The alarm pair of a content type with its scaling policies, and the alarms for people.
'use strict';

const { CfnScalingPolicy } = require('aws-cdk-lib/aws-autoscaling');
const { CfnAlarm } = require('aws-cdk-lib/aws-cloudwatch');

// addAlarms returns the ARNs of the alarms by id.
function addAlarms(pool, tier, type, names, topic) {
  const arns = {
    ScaleOut: addScaling(pool, 'ScaleOut', tier, type, names, type.scaleOut),
    ScaleIn: addScaling(pool, 'ScaleIn', tier, type, names, type.scaleIn),
  };
  for (const id of ['Silent', 'Late', 'AtMax', 'Zombies', 'Sick', 'Careful']) {
    arns[id] = addAlarm(pool, id, type.operating[id], tier, type, names, topic);
  }
  arns.DeadLetters = new CfnAlarm(pool, 'DeadLetters', {
    alarmDescription: described(type, 'Messages that are no jobs, or were never claimed, lie in the dead-letter queue.', 'runbook/dead-letters.md'),
    namespace: 'AWS/SQS',
    metricName: 'ApproximateNumberOfMessagesVisible',
    dimensions: [{ name: 'QueueName', value: names.deadLetterQueue }],
    statistic: 'Maximum',
    period: 60,
    evaluationPeriods: 1,
    comparisonOperator: 'GreaterThanThreshold',
    threshold: 0,
    treatMissingData: 'notBreaching',
    alarmActions: [topic],
  }).attrArn;
  return arns;
}

function described(type, meaning, page) {
  return `${type.config.Name}: ${meaning} https://github.com/worker-tier/worker-tier/blob/main/docs/${page}`;
}

function addScaling(pool, id, tier, type, names, alarm) {
  const policy = new CfnScalingPolicy(pool, `${id}Policy`, {
    autoScalingGroupName: names.group,
    policyType: 'StepScaling',
    adjustmentType: alarm.Policy.AdjustmentType,
    metricAggregationType: alarm.Policy.Aggregation,
    minAdjustmentMagnitude: alarm.Policy.MinAdjustmentMagnitude || undefined,
    stepAdjustments: alarm.Policy.Steps.map((s) => ({
      metricIntervalLowerBound: s.Lower ?? undefined, metricIntervalUpperBound: s.Upper ?? undefined, scalingAdjustment: s.Adjustment,
    })),
  });
  return addAlarm(pool, id, alarm, tier, type, names, policy.ref);
}

function addAlarm(pool, id, alarm, tier, type, names, action) {
  const dimensions = [
    [{ name: 'QueueName', value: names.queue }],
    [{ name: 'AutoScalingGroupName', value: names.group }],
    [{ name: 'ContentType', value: type.config.Name }, { name: 'Environment', value: `${tier.Name}-${tier.Environment.Name}` }],
  ];
  return new CfnAlarm(pool, id, {
    alarmDescription: described(type, alarm.Description, alarm.Page),
    metrics: [
      ...alarm.Metrics.map((m) => ({
        id: m.ID,
        label: m.Label,
        returnData: alarm.expressions.length === 0,
        metricStat: { metric: { namespace: m.Namespace || `WorkerTier/${tier.Name}-${tier.Environment.Name}`, metricName: m.Name, dimensions: dimensions[m.Source] }, period: 60, stat: m.Stat },
      })),
      ...alarm.expressions.map((expression, i, all) => ({ id: alarm.Formulas[i].ID, label: alarm.Formulas[i].Label, expression, returnData: i === all.length - 1 })),
    ],
    comparisonOperator: alarm.Comparison,
    threshold: alarm.Threshold,
    evaluationPeriods: alarm.Periods,
    datapointsToAlarm: alarm.Periods,
    treatMissingData: alarm.missing,
    alarmActions: [action],
  }).attrArn;
}

// addBootFailures defines the alarm for people and the one that stops an instance refresh.
function addBootFailures(pool, tier, type, topic) {
  const alarm = (id, meaning, own, alarmActions) => new CfnAlarm(pool, id, {
    alarmDescription: described(type, meaning, 'runbook/boot-failures.md'),
    namespace: `WorkerTier/${tier.Name}-${tier.Environment.Name}`,
    metricName: 'BootFailures',
    dimensions: [{ name: 'ContentType', value: type.config.Name }, { name: 'Environment', value: `${tier.Name}-${tier.Environment.Name}` }, ...own],
    statistic: 'Sum',
    period: 60,
    evaluationPeriods: 1,
    comparisonOperator: 'GreaterThanThreshold',
    threshold: 0,
    treatMissingData: 'notBreaching',
    alarmActions,
  });
  return {
    forPeople: alarm('BootFailures', 'An instance did not become a worker; its console and its stream in the log group say why.', [], [topic]),
    forRefresh: alarm(`Refresh-${type.launchTemplate}`, `An instance of launch template ${type.launchTemplate} did not become a worker: an update of the group is rolled back.`,
      [{ name: 'LaunchTemplate', value: type.launchTemplate }], undefined),
  };
}

module.exports = { addAlarms, addBootFailures };
