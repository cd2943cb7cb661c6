# frozen_string_literal: true

provides :worker_log_shipping
unified_mode true
default_action :enable

description 'Has the CloudWatch agent, where the image holds it, ship the logs of the worker and of the bootstrap to the log group of the content type, and the memory and disk of the hosts as metrics.'

property :log_group, String, name_property: true, description: 'CloudWatch log group. Each instance has the stream <instance id>/journal in it.'
property :content_type, String, required: true, description: 'Dimension ContentType of the metrics. They have no dimension for the instance, which would cost by the instance.'
property :environment_name, String, required: true, description: 'Dimension Environment of the metrics.'

action :enable, description: 'Follows the journal into a file, which is all that the agent reads, and configures and starts the agent.' do
  agent = '/opt/aws/amazon-cloudwatch-agent'
  if ::File.directory?(agent)
    execute 'systemctl daemon-reload' do
      action :nothing
    end

    directory '/var/log/worker-tier' do
      owner 'root'
      group 'root'
      mode '0755'
    end

    file '/etc/logrotate.d/worker-tier' do
      content <<~LOGROTATE
        # Written by Chef (cookbook worker).
        /var/log/worker-tier/journal.log {
          size 100M
          rotate 1
          missingok
          copytruncate
        }
      LOGROTATE
      owner 'root'
      group 'root'
      mode '0644'
    end

    template '/etc/systemd/system/worker-journal.service' do
      cookbook 'worker'
      source 'worker-journal.service.erb'
      owner 'root'
      group 'root'
      mode '0644'
      notifies :run, 'execute[systemctl daemon-reload]', :immediately
    end

    service 'worker-journal' do
      action [:enable, :start]
    end

    template "#{agent}/etc/amazon-cloudwatch-agent.d/worker-tier.json" do
      cookbook 'worker'
      source 'cloudwatch-agent.json.erb'
      owner 'root'
      group 'root'
      mode '0644'
      variables(
        log_group: new_resource.log_group,
        namespace: "WorkerTier/#{new_resource.environment_name}",
        dimensions: { 'ContentType' => new_resource.content_type, 'Environment' => new_resource.environment_name }
      )
      notifies :restart, 'service[amazon-cloudwatch-agent]', :delayed
    end

    service 'amazon-cloudwatch-agent' do
      action [:enable, :start]
    end
  end
end
