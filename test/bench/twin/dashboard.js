// The two dashboards.
'use strict';

const { CfnDashboard } = require('aws-cdk-lib/aws-cloudwatch');

function graph(region, title, metrics) {
  const properties = { title, region, view: 'timeSeries', period: 60, metrics, yAxis: { left: { min: 0 } } };
  return { type: 'metric', x: 0, y: 0, width: 12, height: 6, properties };
}

function page(markdown, graphs) {
  graphs.forEach((g, i) => { g.x = (i % 2) * 12; g.y = 3 + Math.floor(i / 2) * 6; });
  const text = { type: 'text', x: 0, y: 0, width: 24, height: 3, properties: { markdown } };
  return JSON.stringify({ widgets: [text, ...graphs] });
}

// addPoolDashboard shows one pool. names: queue, deadLetterQueue, group, and the ARNs of the alarms by id.
function addPoolDashboard(scope, type, names) {
  new CfnDashboard(scope, 'Dashboard', { dashboardBody: type.dashboard.replace(/@(\w+)@/g, (_, name) => names[name]) });
}

function addTierDashboard(scope, tier) {
  const environment = `${tier.Name}-${tier.Environment.Name}`;
  const named = (schema, metric) => `{${schema}} MetricName="${metric}" ${environment}`;
  const own = (metric) => `{"WorkerTier/${environment}",ContentType,Environment} MetricName="${metric}" Environment="${environment}"`;
  const graphs = [
    ['Waiting messages', named('AWS/SQS,QueueName', 'ApproximateNumberOfMessagesVisible'), 'Maximum'],
    ['Age of the oldest message, seconds', named('AWS/SQS,QueueName', 'ApproximateAgeOfOldestMessage'), 'Maximum'],
    ['Instances in service', named('AWS/AutoScaling,AutoScalingGroupName', 'GroupInServiceInstances'), 'Average'],
    ['Unfinished jobs', own('Unfinished'), 'Maximum'],
    ['Dead jobs', own('Dead'), 'Maximum'],
    ['Jobs of workers that stopped sending heartbeats', own('Zombies'), 'Sum'],
    ['Busy processes, per cent', own('Busy'), 'Average'],
    ['CPU, per cent', named('AWS/EC2,AutoScalingGroupName', 'CPUUtilization'), 'Average'],
  ].map(([title, search, stat]) => graph(tier.Environment.Region, title, [[{ id: 'all', expression: `SEARCH('${search}', '${stat}', 60)` }]]));
  new CfnDashboard(scope, 'Dashboard', {
    dashboardBody: page(`# ${environment}\nAll content types. Each has a dashboard of its own, named after its stack.`, graphs),
  });
}

module.exports = { addPoolDashboard, addTierDashboard };
