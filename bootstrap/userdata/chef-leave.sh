#!/bin/bash
# chef-leave APPLY takes this instance's node and client from the Chef server with the instance's own key. worker-tier-chef.service runs it
# at every stop; a reboot, and a stop in a warm pool, are no end. APPLY is the client's sibling that runs Ruby: cinc-apply or chef-apply.
set -euo pipefail
apply=${1:?is the name of cinc-apply or chef-apply}

# ask PATH prints what the instance metadata service says; what is not there is empty.
ask() { bash /opt/worker-tier/user-data metadata "$1" 2>/dev/null || true; }

state=$(ask autoscaling/target-lifecycle-state) interruption=$(ask spot/instance-action)
if [[ $state != Terminated && $interruption != *terminate* ]]; then exit; fi
"$apply" --minimal-ohai --execute '
Chef::Config.from_file("/etc/chef/client.rb")
server = Chef::ServerAPI.new(Chef::Config[:chef_server_url])
server.delete("nodes/#{Chef::Config[:node_name]}")
server.delete("clients/#{Chef::Config[:node_name]}")
'
