# frozen_string_literal: true

require_relative 'spec_helper'

describe 'a bad attribute' do
  before { image }

  def variable(name, value)
    environment = tier['environment'].dup
    value.nil? ? environment.delete(name) : environment[name] = value
    tier('environment' => environment)
  end

  {
    "['environment'] is missing: it must be a table of environment variables" => -> { tier('environment' => nil) },
    "['environment']['A-B'] is \"x\": it must be the value of a variable whose name has letters, digits and _ alone" => -> { variable('A-B', 'x') },
    "['environment']['N'] is 3: it must be a text without NUL" => -> { variable('N', 3) },
    "['environment']['WORKER_CONTENT_TYPE'] is missing: it must be the name of a content type" => -> { variable('WORKER_CONTENT_TYPE', nil) },
    "['environment']['WORKER_PROCESSES'] is \"0\": it must be a whole number from 1 to 1000" => -> { variable('WORKER_PROCESSES', '0') },
    "['environment']['WORKER_PROCESSES'] is \"1001\": it must be a whole number from 1 to 1000" => -> { variable('WORKER_PROCESSES', '1001') },
    "['environment']['WORKER_PROCESSES'] is \"two\": it must be a whole number from 1 to 1000" => -> { variable('WORKER_PROCESSES', 'two') },
    "['environment']['WORKER_TABLE'] is \"\": it must be a text that is not empty" => -> { variable('WORKER_TABLE', '') },
    "['environment']['WORKER_QUEUE_URL'] is missing: it must be a text that is not empty" => -> { variable('WORKER_QUEUE_URL', nil) },
    "['environment']['WORKER_TIER'] is missing: it must be a text that is not empty" => -> { variable('WORKER_TIER', nil) },
    "['environment']['WORKER_DRAIN_BUDGET'] is \"90\": it must be a duration such as 1m30s, from 1s to 2h" => -> { variable('WORKER_DRAIN_BUDGET', '90') },
    "['environment']['WORKER_DRAIN_BUDGET'] is \"2h1s\": it must be a duration such as 1m30s, from 1s to 2h" => -> { variable('WORKER_DRAIN_BUDGET', '2h1s') },
    "['log_group'] is \"a b\": it must be the name of a CloudWatch log group" => -> { tier('log_group' => 'a b') },
    "['hardening']['jit'] is true: it must be one of writable_code, namespaces, devices" => -> { tier('hardening' => { 'jit' => true }) },
    "['hardening']['devices'] is \"yes\": it must be true or false" => -> { tier('hardening' => { 'devices' => 'yes' }) },
    "['journal_mib'] is 15: it must be a whole number from 16 to 65536" => -> { tier('journal_mib' => 15) },
  }.each do |message, attributes|
    it "ends the converge in one line: #{message}" do
      expect { converge('debian', instance_exec(&attributes)) }.to raise_error(ArgumentError, "node['worker_tier']#{message}")
    end
  end
end
