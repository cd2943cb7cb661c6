# frozen_string_literal: true

provides :worker_service
unified_mode true
default_action :start

description 'Runs `worker run` of the bundle as a hardened systemd unit, and has the group replace the instance when it stays down. A new setting counts from the next start of the unit: restarting it would hand back the jobs that run.'

property :content_type, String, required: true, description: 'Content type whose jobs the worker runs.'
property :environment, Hash, required: true, description: 'Environment variables of the worker, texts by name.'
property :working_directory, String, default: '/var/lib/worker', description: 'Folder that the programs of jobs start in.'
property :stop_seconds, Integer, required: true, callbacks: { 'is at least one second' => ->(n) { n > 0 } },
                                 description: 'How long a stop may take before what is left is killed, in seconds: the drain budget and what a drain takes beyond it.'
property :writable_code, [true, false], default: false, description: 'Programs may make code and run it, as JIT compilers do.'
property :namespaces, [true, false], default: false, description: 'Programs may make namespaces, and mount in them.'
property :devices, [true, false], default: false, description: 'Programs see the devices of the instance.'

action :start, description: 'Writes the settings and the units, enables the worker and starts it, which waits until it has reached its table.' do
  execute 'systemctl daemon-reload' do
    action :nothing
  end

  file WorkerTier::BINARY do
    owner 'root'
    group 'root'
    mode '0755'
  end

  file WorkerTier::ENVIRONMENT_FILE do
    content(new_resource.environment.sort.map { |name, value| "#{WorkerTier.environment_line(name, value)}\n" }.join)
    owner 'root'
    group 'worker'
    mode '0640'
    sensitive true
  end

  { 'worker.service' => new_resource.working_directory, 'worker-failed.service' => '/' }.each do |unit, folder|
    template "/etc/systemd/system/#{unit}" do
      cookbook 'worker'
      source "#{unit}.erb"
      owner 'root'
      group 'root'
      mode '0644'
      variables(
        content_type: new_resource.content_type,
        working_directory: folder,
        stop_seconds: new_resource.stop_seconds,
        writable_code: new_resource.writable_code,
        namespaces: new_resource.namespaces,
        devices: new_resource.devices
      )
      notifies :run, 'execute[systemctl daemon-reload]', :immediately
    end
  end

  service 'worker' do
    action [:enable, :start]
  end
end
