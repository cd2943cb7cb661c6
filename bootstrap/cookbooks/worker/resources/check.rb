# frozen_string_literal: true

provides :worker_check
unified_mode true
default_action :create

description 'Gives Nagios a check of the worker, where the image holds NRPE: `worker check service`, which any user may run.'

property :folder, String, default: lazy { platform?('debian') ? '/etc/nagios/nrpe.d' : '/etc/nrpe.d' },
                          description: 'Folder of commands that NRPE reads.'
property :nrpe, String, default: lazy { platform?('debian') ? 'nagios-nrpe-server' : 'nrpe' }, description: 'systemd unit of NRPE.'

action :create, description: 'Writes the command check_worker, if NRPE is there.' do
  if ::File.directory?(new_resource.folder)
    cookbook_file "#{new_resource.folder}/worker.cfg" do
      cookbook 'worker'
      source 'nrpe.cfg'
      owner 'root'
      group 'root'
      mode '0644'
      notifies :restart, "service[#{new_resource.nrpe}]", :delayed
    end

    service new_resource.nrpe do
      action :enable
    end
  end
end
