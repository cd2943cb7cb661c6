# What the recipes and templates need beyond Chef's own resources. Plain Ruby.
module WorkerTier
  # Where user-data unpacks the bundle.
  HOME = '/opt/worker-tier'.freeze
  BINARY = "#{HOME}/bin/worker".freeze

  # The settings of worker.service and of its worker-failed.service.
  ENVIRONMENT_FILE = '/etc/worker-tier/worker.env'.freeze

  # After the drain budget come the releases, the lifecycle hook and the end of the slots, in seconds
  # (tierspec: DrainSlack).
  DRAIN_SLACK = 30

  # A line of a systemd EnvironmentFile. systemd expands nothing in such a file, but within double
  # quotes it takes these four characters literally only after a backslash; all others, a newline
  # included, stand for themselves.
  # https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
  def self.environment_line(name, value)
    escaped = value.gsub(/["\\`$]/) { |character| "\\#{character}" }
    %(#{name}="#{escaped}")
  end

  # The seconds of a duration as Go writes it, for example 1m30s; nil if it is none.
  def self.seconds(duration)
    return unless duration.match?(/\A(\d+(\.\d+)?(h|ms|m|s))+\z/)

    units = { 'h' => 3600, 'm' => 60, 's' => 1, 'ms' => 0.001 }
    duration.scan(/([\d.]+)(h|ms|m|s)/).sum { |number, unit| number.to_f * units[unit] }
  end
end
