// The worker tier in plain JavaScript CDK: the same resources with the same logical ids as the Go program
// makes, to measure it against. What needs no CDK (the configuration, resolved; formulas; user-data) it is
// given by the Go side in the file that TWIN_INPUT names, so that only the use of the CDK is compared.
'use strict';

const fs = require('fs');
const cdk = require('aws-cdk-lib');
const { addShared } = require('./shared');
const { addPool } = require('./pool');

const input = JSON.parse(fs.readFileSync(process.env.TWIN_INPUT, 'utf8'));
const { tier } = input;
const prefix = `${tier.Name}-${tier.Environment.Name}`;
const app = new cdk.App();

function newStack(name, description, tags) {
  return new cdk.Stack(app, name, {
    description,
    tags: { 'worker-tier:environment': prefix, ...tags },
    env: { account: tier.Environment.Account, region: tier.Environment.Region },
    terminationProtection: !tier.Environment.Disposable,
    synthesizer: new cdk.DefaultStackSynthesizer({ bucketPrefix: `${prefix}/` }),
  });
}

const shared = newStack(`${prefix}-shared`, `What all content types of ${prefix} use: network, job table, artifacts, alarms`, tier.Environment.Tags);
addShared(shared, tier, input.parameters);
for (const type of input.types) {
  const stack = newStack(`${prefix}-${type.config.Name}`, `The pool of workers for ${type.config.Name} jobs`, {
    ...type.config.Tags, 'worker-tier:content-type': type.config.Name,
  });
  addPool(stack, tier, type, input.parameters);
  stack.addStackDependency(shared);
}
app.synth();
