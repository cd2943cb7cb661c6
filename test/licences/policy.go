package main

// accepted are the licences that any software here may have, by SPDX identifier, each with the reason. They let a program under the
// Apache License 2.0 link the software, and ask for their text and notices in return, which third-party.txt in the bundle carries.
var accepted = map[string]string{
	"Apache-2.0":    "this project's own licence",
	"MIT":           "asks for its text",
	"MIT-0":         "asks for nothing",
	"BSD-2-Clause":  "asks for its text",
	"BSD-3-Clause":  "asks for its text, and not to advertise with its authors' names",
	"ISC":           "asks for its text",
	"BlueOak-1.0.0": "asks for its text or a link to it",
}

// exception is a package under another licence that is used all the same.
type exception struct {
	kind, name string
	licence    string // as the scan finds it, or as a person did where the scan finds none
	why        string
}

// notDistributed are packages that only tests, benchmarks and tools install. Nothing of them is in the worker, its bundle or a release,
// and nobody who uses the tier receives them from it.
var notDistributed = []exception{
	{goModule, "github.com/RichardKnop/machinery/v2", "MPL-2.0", "a peer in the benchmark"},
	{goModule, "github.com/RichardKnop/logging", "MPL-2.0", "comes with machinery"},

	{pypiPackage, "defusedxml", "PSF-2.0", "comes with ministack"},
	{pypiPackage, "incremental", "MIT", "comes with twisted; its licence file begins with a long list of authors"},
	{pypiPackage, "regex", "Apache-2.0 AND CNRI-Python", "comes with cfn-lint"},
	{pypiPackage, "typing-extensions", "PSF-2.0", "comes with cfn-lint and twisted"},
	{pypiPackage, "zope-interface", "ZPL-2.1", "comes with twisted"},

	{pypiPackage, "aiohappyeyeballs", "PSF-2.0", "comes with checkov"},
	{pypiPackage, "bc-detect-secrets", "Apache-2.0", "comes with checkov; the scan does not recognise its text"},
	{pypiPackage, "certifi", "MPL-2.0", "comes with checkov"},
	{pypiPackage, "contextlib2", "PSF-2.0 AND Apache-2.0", "comes with checkov"},
	{pypiPackage, "json-cfg", "MIT", "comes with parliament, without its text"},
	{pypiPackage, "kwonly-args", "MIT", "comes with parliament, without its text"},
	{pypiPackage, "license-expression", "Apache-2.0", "comes with checkov; its text stands in a file of an unusual name"},
	{pypiPackage, "numpy", "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", "comes with checkov"},
	{pypiPackage, "orjson", "MPL-2.0 AND (Apache-2.0 OR MIT)", "comes with checkov"},
	{pypiPackage, "packageurl-python", "MIT", "comes with checkov, without its text"},
	{pypiPackage, "packaging", "Apache-2.0 OR BSD-2-Clause", "comes with checkov; its licence file names two more"},
	{pypiPackage, "ply", "BSD-3-Clause", "comes with checkov, without its text"},
	{pypiPackage, "tqdm", "MIT AND MPL-2.0", "comes with checkov"},

	{mavenArtifact, "software.amazon.dynamodb:DynamoDBLocal", "LicenseRef-Amazon-DynamoDB-Local", "the second opinion on DynamoDB; for development and tests only by its terms"},
	{mavenArtifact, "org.elasticmq:elasticmq-server_2.13", "Apache-2.0", "the second opinion on SQS"},

	{gem, "domain_name", "BSD-2-Clause AND BSD-3-Clause AND MPL-2.0", "comes with the Chef client"},
	{gem, "highline", "Ruby", "comes with the Chef client"},
	{gem, "httpclient", "Ruby", "comes with the Chef client"},
	{gem, "inspec-core", "LicenseRef-Chef-EULA", "comes with the Chef client"},
	{gem, "json", "Ruby", "comes with the Chef client"},
	{gem, "reline", "Ruby", "comes with the Chef client"},
	{gem, "ruby-shadow", "Unlicense", "the Chef client's users and groups"},
	{gem, "socksify", "Ruby OR GPL-3.0-only", "comes with the Chef client"},
	{gem, "sslshake", "MPL-2.0", "comes with the Chef client"},
	{gem, "vault", "MPL-2.0", "comes with the Chef client"},
}
