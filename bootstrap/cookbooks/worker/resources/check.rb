# frozen_string_literal: true

provides :worker_check
unified_mode true
default_action :create

description 'Gives Nagios a check of the worker, where the image holds NRPE.'

property :unit, String, name_property: true, description: 'systemd unit that is looked at.'
property :folder, String, default: lazy { platform?('debian') ? '/etc/nagios/nrpe.d' : '/etc/nrpe.d' },
                          description: 'Folder of commands that NRPE reads.'
property :nrpe, String, default: lazy { platform?('debian') ? 'nagios-nrpe-server' : 'nrpe' }, description: 'systemd unit of NRPE.'

action :create, description: 'Writes the plug-in and the command check_<unit>, if NRPE is there.' do
  if ::File.directory?(new_resource.folder)
    plugin = '/usr/local/lib/worker-tier/check_unit'

    directory ::File.dirname(plugin) do
      owner 'root'
      group 'root'
      mode '0755'
      recursive true
    end

    cookbook_file plugin do
      cookbook 'worker'
      source 'check_unit'
      owner 'root'
      group 'root'
      mode '0755'
    end

    file "#{new_resource.folder}/#{new_resource.unit}.cfg" do
      content "# Written by Chef (cookbook worker).\ncommand[check_#{new_resource.unit}]=#{plugin} #{new_resource.unit}\n"
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
