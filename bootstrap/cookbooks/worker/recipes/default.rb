#
# Cookbook:: worker
# Recipe:: default
#
