module WorkerTier
  # Ends the converge. Its message is one line: user-data puts it on the console and into the log group.
  class BadAttribute < ArgumentError
    def initialize(path, value, allowed)
      found = value.nil? ? 'is missing' : "is #{value.inspect}"
      super("node['worker_tier']#{path.map { |key| "['#{key}']" }.join} #{found}: it must be #{allowed}")
    end
  end

  # The attributes of one instance (worker/contract/firstboot.go), checked. A recipe makes one before it
  # declares anything, so that nothing is changed on the strength of a bad attribute.
  class Attributes
    RELAXATIONS = %w(writable_code namespaces devices).freeze
    PROCESSES = (1..1000).freeze
    DRAIN_BUDGET = (1..7200).freeze # seconds
    JOURNAL_MIB = (16..65_536).freeze

    attr_reader :environment, :environment_name, :content_type, :stop_seconds, :working_directory, :hardening, :log_group, :journal_mib

    def initialize(node)
      @all = node['worker_tier']
      @environment = check_environment
      @content_type = variable('WORKER_CONTENT_TYPE', 'the name of a content type') { |text| text.match?(/\A[a-z][a-z0-9-]{0,30}\z/) }
      variable('WORKER_PROCESSES', "a whole number from #{PROCESSES.min} to #{PROCESSES.max}") { |text| text.match?(/\A\d+\z/) && PROCESSES.cover?(text.to_i) }
      %w(WORKER_QUEUE_URL WORKER_TABLE).each { |name| filled(name) }
      @environment_name = "#{filled('WORKER_TIER')}-#{filled('WORKER_ENVIRONMENT')}" # worker/contract: MetricEnvironment
      budget = variable('WORKER_DRAIN_BUDGET', 'a duration such as 1m30s, from 1s to 2h') { |text| DRAIN_BUDGET.cover?(WorkerTier.seconds(text)) }
      @stop_seconds = WorkerTier.seconds(budget).ceil + DRAIN_SLACK
      @working_directory = @all['files'] ? "#{HOME}/files" : '/var/lib/worker'
      @hardening = check_hardening
      @log_group = value(['log_group'], 'the name of a CloudWatch log group') { |name| name.match?(%r{\A[\w./#-]{1,512}\z}) }
      @journal_mib = WorkerTier.journal_mib(node)
    end

    private

    def value(path, allowed, type = String)
      found = @all.is_a?(Hash) ? @all.dig(*path) : nil
      raise BadAttribute.new(path, found, allowed) unless found.is_a?(type) && (!block_given? || yield(found))

      found
    end

    def check_environment
      environment = value(['environment'], 'a table of environment variables', Hash)
      environment.each do |name, text|
        raise BadAttribute.new(['environment', name], text, 'the value of a variable whose name has letters, digits and _ alone') unless name.match?(/\A[A-Za-z_][A-Za-z0-9_]*\z/)
        raise BadAttribute.new(['environment', name], text, 'a text without NUL') unless text.is_a?(String) && !text.include?("\0")
      end
      environment
    end

    def variable(name, allowed, &fits)
      value(['environment', name], allowed, &fits)
    end

    def filled(name)
      variable(name, 'a text that is not empty') { |text| !text.empty? }
    end

    def check_hardening
      given = @all['hardening'] || {}
      raise BadAttribute.new(['hardening'], given, 'a table') unless given.is_a?(Hash)

      given.each do |name, on|
        raise BadAttribute.new(['hardening', name], on, "one of #{RELAXATIONS.join(', ')}") unless RELAXATIONS.include?(name)
        raise BadAttribute.new(['hardening', name], on, 'true or false') unless [true, false].include?(on)
      end
      RELAXATIONS.to_h { |name| [name, given[name] == true] }
    end
  end

  # The journal's limit in MiB, which instances have before they have any other attribute.
  def self.journal_mib(node)
    mib = node['worker_tier']['journal_mib']
    allowed = Attributes::JOURNAL_MIB
    raise BadAttribute.new(['journal_mib'], mib, "a whole number from #{allowed.min} to #{allowed.max}") unless mib.is_a?(Integer) && allowed.cover?(mib)

    mib
  end
end
