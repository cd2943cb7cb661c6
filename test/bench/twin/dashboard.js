// The two dashboards.
'use strict';

const { CfnDashboard } = require('aws-cdk-lib/aws-cloudwatch');

const SQS = 'AWS/SQS';
const GROUPS = 'AWS/AutoScaling';
const OWN = 'WorkerTier';

function graph(region, title, metrics, threshold) {
  const properties = { title, region, view: 'timeSeries', period: 60, metrics, yAxis: { left: { min: 0 } } };
  if (threshold) {
    properties.annotations = { horizontal: [threshold] };
  }
  return { type: 'metric', x: 0, y: 0, width: 12, height: 6, properties };
}

function page(markdown, graphs) {
  graphs.forEach((g, i) => { g.x = (i % 2) * 12; g.y = 3 + Math.floor(i / 2) * 6; });
  const text = { type: 'text', x: 0, y: 0, width: 24, height: 3, properties: { markdown } };
  return JSON.stringify({ widgets: [text, ...graphs] });
}

// addPoolDashboard shows one pool. names: queue, deadLetterQueue, group.
function addPoolDashboard(scope, tier, type, names) {
  const region = tier.Environment.Region;
  const environment = `${tier.Name}-${tier.Environment.Name}`;
  const dimensions = ['ContentType', type.config.Name, 'Environment', environment];
  const sources = [['QueueName', names.queue], ['AutoScalingGroupName', names.group], dimensions];
  const lines = (alarm) => [
    ...alarm.formulas.map((f, i) => [{ id: f.id, expression: f.text, label: f.label, ...(i < alarm.formulas.length - 1 && { visible: false }) }]),
    ...alarm.metrics.map((m) => [m.namespace, m.name, ...sources[m.source], { id: m.id, stat: m.stat, visible: false }]),
  ];
  const group = (metric, label) => [GROUPS, metric, 'AutoScalingGroupName', names.group, { label }];
  const graphs = [
    graph(region, 'Boxes missing (scale out)', lines(type.scaleOut), { label: 'scale out from here', value: type.scaleOut.threshold }),
    graph(region, 'CPU, 100 % while the boxes are needed (scale in)', lines(type.scaleIn), { label: 'scale in up to here', value: type.scaleIn.threshold }),
    graph(region, 'Instances', [
      group('GroupDesiredCapacity', 'desired'), group('GroupInServiceInstances', 'in service'), group('GroupTerminatingInstances', 'draining'),
    ]),
    graph(region, 'CPU and busy processes, per cent', [
      ['AWS/EC2', 'CPUUtilization', 'AutoScalingGroupName', names.group, { label: 'CPU', stat: 'Average' }],
      [OWN, 'Busy', ...dimensions, { label: 'busy', stat: 'Average' }],
    ]),
    graph(region, 'Messages and jobs', [
      [SQS, 'ApproximateNumberOfMessagesVisible', 'QueueName', names.queue, { label: 'waiting messages', stat: 'Maximum' }],
      [OWN, 'Unfinished', ...dimensions, { label: 'unfinished jobs', stat: 'Maximum' }],
      [SQS, 'ApproximateNumberOfMessagesVisible', 'QueueName', names.deadLetterQueue, { label: 'dead letters', stat: 'Maximum' }],
    ]),
    graph(region, 'Age of the oldest message, seconds', [
      [SQS, 'ApproximateAgeOfOldestMessage', 'QueueName', names.queue, { label: 'age', stat: 'Maximum' }],
    ], { label: 'target', value: type.targetSeconds }),
  ];
  const text = `# ${type.config.Name} in ${environment}`
    + '\nCPU is low while all processes are busy? That is no reason to shrink but to raise `processesPerInstance`: the jobs wait for something else than the processor.'
    + '\nOnce the scale-in alarm holds, the group shrinks every minute; jobs go on elsewhere from their last checkpoint.';
  new CfnDashboard(scope, 'Dashboard', { dashboardBody: page(text, graphs) });
}

function addTierDashboard(scope, tier) {
  const environment = `${tier.Name}-${tier.Environment.Name}`;
  const named = (schema, metric) => `{${schema}} MetricName="${metric}" ${environment}`;
  const own = (metric) => `{${OWN},ContentType,Environment} MetricName="${metric}" Environment="${environment}"`;
  const graphs = [
    ['Waiting messages', named('AWS/SQS,QueueName', 'ApproximateNumberOfMessagesVisible'), 'Maximum'],
    ['Age of the oldest message, seconds', named('AWS/SQS,QueueName', 'ApproximateAgeOfOldestMessage'), 'Maximum'],
    ['Instances in service', named('AWS/AutoScaling,AutoScalingGroupName', 'GroupInServiceInstances'), 'Average'],
    ['Unfinished jobs', own('Unfinished'), 'Maximum'],
    ['Busy processes, per cent', own('Busy'), 'Average'],
    ['CPU, per cent', named('AWS/EC2,AutoScalingGroupName', 'CPUUtilization'), 'Average'],
  ].map(([title, search, stat]) => graph(tier.Environment.Region, title, [[{ id: 'all', expression: `SEARCH('${search}', '${stat}', 60)` }]]));
  new CfnDashboard(scope, 'Dashboard', {
    dashboardBody: page(`# ${environment}\nAll content types. Each has a dashboard of its own, named after its stack.`, graphs),
  });
}

module.exports = { addPoolDashboard, addTierDashboard };
