# frozen_string_literal: true

provides :worker_clock
unified_mode true
default_action :sync

description 'Keeps the clock right by the Amazon Time Sync Service, with the service that the image holds: chrony or systemd-timesyncd. AWS refuses requests that are signed five minutes off.'

property :server, String, name_property: true, description: 'Address of the time server, on EC2 169.254.169.123.'

action :sync, description: 'Names the server and enables the service; starts it too, but in a container, which has the clock of its host.' do
  chrony = ::File.exist?('/usr/sbin/chronyd')
  if chrony && platform?('amazon')
    # Amazon Linux's own chrony names this server already.
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configure-ec2-ntp.html
    unit = 'chronyd'
  elsif chrony
    unit = 'chrony'
    file '/etc/chrony/sources.d/worker.sources' do
      content "# Written by Chef (cookbook worker).\nserver #{new_resource.server} prefer iburst minpoll 4 maxpoll 4\n"
      owner 'root'
      group 'root'
      mode '0644'
      notifies :restart, "service[#{unit}]", :delayed
    end
  elsif ::File.exist?('/lib/systemd/systemd-timesyncd')
    unit = 'systemd-timesyncd'
    directory '/etc/systemd/timesyncd.conf.d' do
      owner 'root'
      group 'root'
      mode '0755'
    end

    file '/etc/systemd/timesyncd.conf.d/worker.conf' do
      content "# Written by Chef (cookbook worker).\n[Time]\nNTP=#{new_resource.server}\n"
      owner 'root'
      group 'root'
      mode '0644'
      notifies :restart, "service[#{unit}]", :delayed
    end
  else
    Chef::Log.warn('worker_clock: the image holds neither chrony nor systemd-timesyncd: nothing keeps the clock right, bake one of them into it')
  end

  if unit
    service unit do
      action ::File.exist?('/run/systemd/container') ? :enable : [:enable, :start]
    end
  end
end
