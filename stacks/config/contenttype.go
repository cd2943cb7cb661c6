package config

// NewContentType is a content type of which nothing is said but its name and its processor: all settings have
// the defaults of worker-tier.yaml. It is for constructs that are used without a file; change what differs, and
// Architecture with InstanceTypes.
func NewContentType(name, processor string) ContentType {
	var m member[contentType]
	m.key.value, m.value.Processor.value = name, processor
	return resolveContentType(m, access{}, builtin[pool]())
}
