#
# Cookbook:: worker
# Recipe:: base
#
# What every instance of the tier has before the recipes of its own content type run: the user that jobs run as, whom
# those recipes may give files to, and the folder of its settings.

user 'worker' do
  system true
  home '/var/lib/worker'
  shell '/usr/sbin/nologin'
end

directory '/etc/worker-tier' do
  mode '0755'
end
