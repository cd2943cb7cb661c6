# frozen_string_literal: true

require 'chefspec'
require 'open3'
require 'tmpdir'

COOKBOOKS = File.expand_path('..', __dir__)

RSpec.configure do |config|
  config.cookbook_path = COOKBOOKS
  config.log_level = :error
end

PLATFORMS = { 'amazon' => '2023', 'debian' => '12' }.freeze

# The first-boot document's attributes, as user-data writes them.
def tier(overrides = {})
  {
    'environment' => {
      'WORKER_TIER' => 'tier', 'WORKER_ENVIRONMENT' => 'dev', 'WORKER_CONTENT_TYPE' => 'mail', 'WORKER_PROCESSES' => '2',
      'WORKER_QUEUE_URL' => 'https://sqs.example.com/q', 'WORKER_TABLE' => 'jobs', 'WORKER_DRAIN_BUDGET' => '1m30s',
      'ODD' => "a\"b$c`d\\e\nf"
    },
    'log_group' => 'tier-dev-mail',
    'hardening' => {},
  }.merge(overrides)
end

# The image as the resources see it: the paths that it holds beyond those of the tests' own machine.
def image(*paths)
  allow(File).to receive(:exist?).and_call_original
  allow(File).to receive(:directory?).and_call_original
  %w(/usr/sbin/chronyd /lib/systemd/systemd-timesyncd /run/systemd/container /etc/nagios/nrpe.d /etc/nrpe.d /opt/aws/amazon-cloudwatch-agent).each do |path|
    allow(File).to receive(:exist?).with(path).and_return(paths.include?(path))
    allow(File).to receive(:directory?).with(path).and_return(paths.include?(path))
  end
end

def converge(platform, attributes = tier, recipe = 'worker::default')
  ChefSpec::SoloRunner.new(platform: platform, version: PLATFORMS.fetch(platform),
                           step_into: %w(worker_service worker_journal worker_clock worker_check worker_log_shipping)) do |node|
    node.normal['worker_tier'] = attributes
  end.converge(recipe)
end
