package templates

import "fmt"

// closedBuild: nobody gets into an instance that builds an image, nor gets credentials from it, and none is left behind.
func closedBuild(t template, id string) string {
	options := at(t[id].Properties, "InstanceMetadataOptions")
	switch {
	case at(options, "HttpTokens") != "required" || at(options, "HttpPutResponseHopLimit") != 1.0:
		return fmt.Sprintf("metadata options %v, want IMDSv2 required and a hop limit of 1", options)
	case at(t[id].Properties, "KeyPair") != nil:
		return "an SSH key: Session Manager is the way in"
	case at(t[id].Properties, "TerminateInstanceOnFailure") != true:
		return "an instance whose build failed is kept"
	case len(list(at(t[id].Properties, "SecurityGroupIds"))) == 0:
		return "no security group: it is the VPC's default one"
	}
	return ""
}

func encryptedImage(t template, id string) string {
	mappings := list(at(t[id].Properties, "BlockDeviceMappings"))
	if len(mappings) == 0 {
		return "no block device mapping: the volume is as the parent image has it, not encrypted"
	}
	for _, m := range mappings {
		if at(m, "Ebs", "Encrypted") != true {
			return fmt.Sprintf("volume %v is not encrypted", at(m, "DeviceName"))
		}
	}
	return ""
}

// privateImage: an image is for its account alone.
func privateImage(t template, id string) string {
	for _, d := range list(at(t[id].Properties, "Distributions")) {
		if who := at(d, "AmiDistributionConfiguration", "LaunchPermissionConfiguration"); who != nil {
			return fmt.Sprintf("others may launch the image: %v", who)
		}
	}
	return ""
}
