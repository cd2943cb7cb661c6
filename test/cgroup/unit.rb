# frozen_string_literal: true

# unit.rb prints worker.service as the cookbook writes it, with the defaults of its hardening: Chef itself is not needed for that.
require 'erb'

COOKBOOK = File.expand_path('../../bootstrap/cookbooks/worker', __dir__)
require "#{COOKBOOK}/libraries/worker_tier"

# What a template sees of Chef.
class Template
  def initialize(variables)
    variables.each { |name, value| instance_variable_set("@#{name}", value) }
  end

  def render(name)
    ERB.new(File.read("#{COOKBOOK}/templates/#{name}")).result(binding)
  end
end

puts Template.new(content_type: 'test', working_directory: '/var/lib/worker', stop_seconds: 90).render('worker.service.erb')
