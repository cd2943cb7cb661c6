package baseimage

// buildPolicy is what an instance may do that builds or tests: be told what to do by Systems Manager, by which Image Builder
// works, fetch Image Builder's program and the component, and write the log. It is what AWS's two policies for these instances
// allow of that, and no more: no parameter, no patch baseline, no container registry.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-iam-awsmanpol.html
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2InstanceProfileForImageBuilder.html
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html
func (n names) buildPolicy() map[string]any {
	return document(
		// The SSM agent's, on all resources as in AWS's policy: most know none. Beside commands they are for the list of the
		// packages that an image holds.
		allow(nil, []string{"*"},
			"ssm:UpdateInstanceInformation", "ssm:ListAssociations", "ssm:ListInstanceAssociations", "ssm:DescribeAssociation",
			"ssm:GetDocument", "ssm:DescribeDocument", "ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus", "ssm:PutInventory",
			"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			"ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage", "ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"),
		allow(nil, []string{n.arn("imagebuilder", "component/"+n.Name+"/*")}, "imagebuilder:GetComponent"),
		allow(nil, []string{"arn:" + n.partition + ":s3:::ec2imagebuilder*"}, "s3:GetObject"),
		allow(nil, []string{n.arn("logs", "log-group:"+n.logGroup), n.arn("logs", "log-group:"+n.logGroup+":*")}, "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
	)
}

// lifecyclePolicy is what Image Builder may do to old images: of AWS's policy for it what deletes AMIs, and only these.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html
func (n names) lifecyclePolicy() map[string]any {
	// Image Builder tags what it makes, and gives AMIs, not snapshots, the tags of their distribution.
	built := map[string]any{"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}
	ours := map[string]any{"aws:ResourceTag/CreatedBy": "EC2 Image Builder", "aws:ResourceTag/" + TagPipeline: n.Name}
	ec2 := "arn:" + n.partition + ":ec2:" + n.region + "::"
	return document(
		allow(ours, []string{ec2 + "image/*"}, "ec2:DeregisterImage", "ec2:DescribeImageAttribute"),
		allow(built, []string{ec2 + "snapshot/*"}, "ec2:DeleteSnapshot"),
		allow(nil, []string{n.arn("imagebuilder", "image/"+n.Name+"/*")}, "imagebuilder:DeleteImage"),
		allow(nil, []string{"*"}, "ec2:DescribeImages", "tag:GetResources"), // they know no resources
	)
}

func document(statements ...any) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// allow is a statement; equal are keys of its condition with their values, nil: none.
func allow(equal map[string]any, resources []string, actions ...string) map[string]any {
	s := map[string]any{"Effect": "Allow", "Action": actions, "Resource": resources}
	if equal != nil {
		s["Condition"] = map[string]any{"StringEquals": equal}
	}
	return s
}
