#
# Cookbook:: worker
# Recipe:: base
#
# What every instance of the tier has before the recipes of its own content type run: the user that jobs run as, whom
# those recipes may give files to, the folder of its settings, a bounded journal and the right time.

user 'worker' do
  comment 'Runs jobs'
  system true
  home '/var/lib/worker'
  shell '/usr/sbin/nologin'
end

directory '/etc/worker-tier' do
  mode '0755'
end

worker_journal 'worker' do
  size_mib WorkerTier.journal_mib(node)
end

worker_clock '169.254.169.123'
