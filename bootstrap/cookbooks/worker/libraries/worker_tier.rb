# What the recipe needs beyond Chef's own resources. Plain Ruby.
module WorkerTier
  # Where user-data unpacks the bundle.
  HOME = '/opt/worker-tier'.freeze

  # A line of a systemd EnvironmentFile. systemd expands nothing in such a file, but within double
  # quotes it takes these four characters literally only after a backslash; all others, a newline
  # included, stand for themselves.
  # https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
  def self.environment_line(name, value)
    raise ArgumentError, "worker_tier.environment: #{name.inspect} is not the name of an environment variable" unless name.match?(/\A[A-Za-z_][A-Za-z0-9_]*\z/)

    escaped = value.gsub(/["\\`$]/) { |character| "\\#{character}" }
    %(#{name}="#{escaped}")
  end

  # Whole seconds, rounded up, of a duration as Go writes it, for example 1m30s.
  def self.seconds(duration)
    raise ArgumentError, "#{duration.inspect} is not a duration such as 1m30s" unless duration.match?(/\A(\d+(\.\d+)?(h|ms|m|s))+\z/)

    units = { 'h' => 3600, 'm' => 60, 's' => 1, 'ms' => 0.001 }
    duration.scan(/([\d.]+)(h|ms|m|s)/).sum { |number, unit| number.to_f * units[unit] }.ceil
  end
end
