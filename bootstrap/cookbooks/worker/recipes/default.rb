#
# Cookbook:: worker
# Recipe:: default
#
# Makes the instance a worker: user-data has unpacked the bundle and, if the content type has files,
# those; what to run with stands in node['worker_tier'] (worker/contract/firstboot.go).

tier = WorkerTier::Attributes.new(node)

include_recipe 'worker::base'

worker_log_shipping tier.log_group do
  content_type tier.content_type
  environment_name tier.environment_name
end

worker_check 'worker'

worker_service 'worker' do
  content_type tier.content_type
  environment tier.environment
  working_directory tier.working_directory
  stop_seconds tier.stop_seconds
  writable_code tier.hardening['writable_code']
  namespaces tier.hardening['namespaces']
  devices tier.hardening['devices']
end
