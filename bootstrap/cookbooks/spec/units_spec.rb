# frozen_string_literal: true

require_relative 'spec_helper'

# The rendered units against systemd itself, without starting them.
describe 'units' do
  before { image('/opt/aws/amazon-cloudwatch-agent') }

  MOST_EXPOSED = 2.0

  # Writes the units of a converge into a root of their own, with what they start, and yields it.
  def root_of(run)
    Dir.mktmpdir do |root|
      folder = "#{root}/etc/systemd/system"
      system('mkdir', '-p', folder, "#{root}/opt/worker-tier/bin", "#{root}/usr/bin", exception: true)
      %W(#{root}/opt/worker-tier/bin/worker #{root}/usr/bin/truncate #{root}/usr/bin/journalctl).each { |program| File.write(program, '', perm: 0o755) }
      %w(worker.service worker-failed.service worker-journal.service).each do |unit|
        expect(run).to(render_file("/etc/systemd/system/#{unit}").with_content { |text| File.write("#{folder}/#{unit}", text) })
      end
      system('cp', '--recursive', '/lib/systemd/system', "#{root}/usr/lib-system", exception: true)
      system("mkdir -p #{root}/lib/systemd && mv #{root}/usr/lib-system #{root}/lib/systemd/system", exception: true)
      yield root
    end
  end

  def analyze(*arguments)
    output, status = Open3.capture2e('systemd-analyze', *arguments)
    raise "systemd-analyze #{arguments.join(' ')}: #{output}" unless status.success?

    output
  end

  it 'are what systemd understands' do
    root_of(converge('debian')) do |root|
      %w(worker worker-failed worker-journal).each { |unit| expect(analyze('verify', '--man=no', "--root=#{root}", "#{unit}.service")).to eq('') }
    end
  end

  it 'would be told apart from ones that it does not' do
    root_of(converge('debian')) do |root|
      File.write("#{root}/etc/systemd/system/worker.service", "[Service]\nExecStart=/opt/worker-tier/bin/worker run\nKilMode=mixed\n")
      expect(analyze('verify', '--man=no', "--root=#{root}", 'worker.service')).to include('KilMode')
    end
  end

  def exposure(root, unit)
    analyze('security', '--offline=true', '--no-pager', "--root=#{root}", "#{unit}.service")[/Overall exposure level.*?: ([\d.]+)/, 1].to_f
  end

  it "have an exposure under #{MOST_EXPOSED}" do
    root_of(converge('debian')) do |root|
      %w(worker worker-failed worker-journal).each do |unit|
        found = exposure(root, unit)
        puts "    #{unit}.service: exposure #{found}"
        expect(found).to be_between(0.1, MOST_EXPOSED - 0.1)
      end
    end
  end

  it 'stay understood and bounded with each relaxation' do
    strict = root_of(converge('debian')) { |root| exposure(root, 'worker') }
    WorkerTier::Attributes::RELAXATIONS.each do |option|
      root_of(converge('debian', tier('hardening' => { option => true }))) do |root|
        expect(analyze('verify', '--man=no', "--root=#{root}", 'worker.service')).to eq('')
        relaxed = exposure(root, 'worker')
        puts "    worker.service with #{option}: exposure #{relaxed}"
        expect(relaxed).to be_between(strict, 3.0) # one directive can weigh less than is shown
      end
    end
  end
end
