#
# Cookbook:: worker
# Recipe:: default
#
# Makes the instance a worker: user-data has unpacked the bundle and, if the content type has files,
# those; what to run with stands in node['worker_tier'] (worker/contract/firstboot.go).

tier = node['worker_tier']
environment = tier['environment']

include_recipe 'worker::base'

file '/etc/worker-tier/worker.env' do
  content(environment.sort.map { |name, value| "#{WorkerTier.environment_line(name, value)}\n" }.join)
  group 'worker'
  mode '0640'
end

template '/etc/systemd/system/worker.service' do
  source 'worker.service.erb'
  mode '0644'
  variables(
    content_type: environment['WORKER_CONTENT_TYPE'],
    home: WorkerTier::HOME,
    working_directory: tier['files'] ? "#{WorkerTier::HOME}/files" : '/var/lib/worker',
    # After the drain budget come the releases, the lifecycle hook and the end of the slots.
    stop_seconds: WorkerTier.seconds(environment['WORKER_DRAIN_BUDGET']) + 30
  )
  notifies :run, 'execute[systemctl daemon-reload]', :immediately
end

template '/etc/systemd/system/worker-failed.service' do
  source 'worker-failed.service.erb'
  mode '0644'
  variables(home: WorkerTier::HOME)
  notifies :run, 'execute[systemctl daemon-reload]', :immediately
end

execute 'systemctl daemon-reload' do
  action :nothing
end

service 'worker' do
  action [:enable, :start]
end
