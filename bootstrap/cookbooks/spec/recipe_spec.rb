# frozen_string_literal: true

require_relative 'spec_helper'

PLATFORMS.each_key do |platform|
  describe "worker on #{platform}" do
    before { image }

    it 'makes the user, the settings and the units, and starts the worker' do
      run = converge(platform)
      expect(run).to create_user('worker').with(system: true, shell: '/usr/sbin/nologin')
      expect(run).to create_directory('/etc/worker-tier')
      expect(run).to create_file('/etc/worker-tier/worker.env').with(group: 'worker', mode: '0640', sensitive: true)
      expect(run).to create_file('/opt/worker-tier/bin/worker').with(owner: 'root', mode: '0755')
      expect(run).to render_file('/etc/worker-tier/worker.env').with_content("ODD=\"a\\\"b\\$c\\`d\\\\e\nf\"\n")
      expect(run.template('/etc/systemd/system/worker.service')).to notify('execute[systemctl daemon-reload]').to(:run).immediately
      expect(run).to enable_service('worker')
      expect(run).to start_service('worker')
    end

    it 'stops after the drain budget and a slack, and is watched' do
      run = converge(platform)
      ['TimeoutStopSec=120', 'KillMode=mixed', 'Delegate=memory pids', 'OnFailure=worker-failed.service', 'StartLimitBurst=10', /^WatchdogSec=\d+$/,
       'WorkingDirectory=/var/lib/worker'].each do |line|
        expect(run).to render_file('/etc/systemd/system/worker.service').with_content(line)
      end
    end

    it 'works in the folder of the files, if there are any' do
      expect(converge(platform, tier('files' => { 'key' => 'k' }))).to render_file('/etc/systemd/system/worker.service').with_content('WorkingDirectory=/opt/worker-tier/files')
    end

    { 'writable_code' => ['MemoryDenyWriteExecute=yes', 'MemoryDenyWriteExecute=no'],
      'namespaces' => ['RestrictNamespaces=yes', 'RestrictNamespaces=no'],
      'devices' => ['PrivateDevices=yes', 'PrivateDevices=no'] }.each do |option, (strict, relaxed)|
      it "relaxes what #{option} names and nothing else" do
        strictly = lines(converge(platform))
        relaxedly = lines(converge(platform, tier('hardening' => { option => true })))
        expect(strictly).to include(strict)
        expect(relaxedly).to include(relaxed)
        gone = strictly - relaxedly
        expect(gone - (option == 'namespaces' ? ['SystemCallFilter=@system-service'] : [])).to eq([strict])
      end
    end

    it 'bounds the journal' do
      run = converge(platform)
      expect(run).to render_file('/etc/systemd/journald.conf.d/worker.conf').with_content('SystemMaxUse=512M')
      expect(converge(platform, tier('journal_mib' => 64))).to render_file('/etc/systemd/journald.conf.d/worker.conf').with_content('SystemMaxUse=64M')
      expect(run.template('/etc/systemd/journald.conf.d/worker.conf')).to notify('service[systemd-journald]').to(:restart).immediately
    end

    it 'leaves alone what the image does not hold' do
      run = converge(platform)
      expect(run).not_to enable_service('amazon-cloudwatch-agent')
      expect(run).not_to create_directory('/usr/local/lib/worker-tier')
      expect(run).not_to enable_service('systemd-timesyncd')
    end

    it 'ships the journal and host metrics where the agent is' do
      image('/opt/aws/amazon-cloudwatch-agent')
      run = converge(platform)
      file = '/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.d/worker-tier.json'
      text = nil
      expect(run).to(render_file(file).with_content { |content| text = content })
      config = JSON.parse(text)
      expect(config.dig('logs', 'logs_collected', 'files', 'collect_list')).to eq(
        [{ 'file_path' => '/var/log/worker-tier/journal.log', 'log_group_name' => 'tier-dev-mail', 'log_stream_name' => '{instance_id}/journal' }]
      )
      expect(config.dig('metrics', 'namespace')).to eq('WorkerTier/tier-dev')
      expect(config.dig('metrics', 'metrics_collected', 'mem', 'append_dimensions')).to eq('ContentType' => 'mail', 'Environment' => 'tier-dev')
      expect(run.template(file)).to notify('service[amazon-cloudwatch-agent]').to(:restart).delayed
      expect(run).to start_service('worker-journal')
      expect(run).to start_service('amazon-cloudwatch-agent')
    end

    it 'keeps the clock with systemd-timesyncd' do
      image('/lib/systemd/systemd-timesyncd')
      run = converge(platform)
      expect(run).to render_file('/etc/systemd/timesyncd.conf.d/worker.conf').with_content('NTP=169.254.169.123')
      expect(run).to start_service('systemd-timesyncd')
    end

    it 'starts no clock in a container' do
      image('/usr/sbin/chronyd', '/run/systemd/container')
      expect(converge(platform)).not_to start_service(platform == 'debian' ? 'chrony' : 'chronyd')
    end
  end
end

describe 'what differs between the platforms' do
  it 'is the folder and unit of NRPE' do
    { 'debian' => ['/etc/nagios/nrpe.d', 'nagios-nrpe-server'], 'amazon' => ['/etc/nrpe.d', 'nrpe'] }.each do |platform, (folder, unit)|
      image(folder)
      run = converge(platform)
      expect(run).to render_file("#{folder}/worker.cfg").with_content("command[check_worker]=#{WorkerTier::BINARY} check service\n")
      expect(run.cookbook_file("#{folder}/worker.cfg")).to notify("service[#{unit}]").to(:restart).delayed
    end
  end

  it 'is who names the time server of chrony' do
    image('/usr/sbin/chronyd')
    expect(converge('debian')).to render_file('/etc/chrony/sources.d/worker.sources').with_content('server 169.254.169.123')
    expect(converge('amazon')).not_to create_file('/etc/chrony/sources.d/worker.sources')
    expect(converge('amazon')).to start_service('chronyd')
  end
end

# The directives of worker.service.
def lines(run)
  text = nil
  expect(run).to(render_file('/etc/systemd/system/worker.service').with_content { |content| text = content })
  text.lines(chomp: true).grep(/\A\w+=/)
end
