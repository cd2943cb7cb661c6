# frozen_string_literal: true

provides :worker_journal
unified_mode true
default_action :limit

description 'Bounds what the journal takes of the disk, so that a program that talks without end cannot fill it.'

property :size_mib, Integer, required: true, description: 'Most that the journal takes, in MiB. It is kept over a reboot.'

action :limit, description: 'Writes the limits and has the running journal take them.' do
  directory '/etc/systemd/journald.conf.d' do
    owner 'root'
    group 'root'
    mode '0755'
  end

  template '/etc/systemd/journald.conf.d/worker.conf' do
    cookbook 'worker'
    source 'journald.conf.erb'
    owner 'root'
    group 'root'
    mode '0644'
    variables(size_mib: new_resource.size_mib)
    notifies :restart, 'service[systemd-journald]', :immediately
  end

  service 'systemd-journald' do
    action :nothing
  end
end
