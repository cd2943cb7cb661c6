package config

// targetTracking is the value of scaleOut.method that hands scaling to AWS.
const targetTracking = "targetTracking"

// trackingFromZero is what two values that clash say: a group without instances has no backlog for each of them.
const trackingFromZero = "targetTracking cannot scale a group out from min 0 (min 1, or method steps)"

func (c checker) checkSpot(s settings) {
	percent, base, size, types := s.Spot.Percent, s.Spot.OnDemandBase, s.WarmPool.Size, s.InstanceTypes
	if percent.value > 0 && types.usable() && len(types.items) == 1 {
		c.warn(percent.at, "Spot with the single instance type %s: when it runs out, there are no instances (name several of one architecture)", types.items[0].value)
	}
	if rebalance := s.Spot.DrainOnRebalance; rebalance.value && percent.usable() && percent.value == 0 && specificity(rebalance.at) >= specificity(percent.at) {
		c.warn(rebalance.at, "has no effect: only Spot instances get rebalance recommendations, and percent is 0 (leave it out, or raise spot.percent)")
	}
	if base.value > 0 && percent.usable() && percent.value == 0 {
		c.warn(base.at, "has no effect without spot.percent (all instances are on-demand)")
	}
	if most := s.Capacity.Max; base.usable() && most.usable() && base.value > most.value {
		c.clash(base.leaf, most.leaf, "onDemandBase %d is more than max %d", base.value, most.value)
	}
	// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html
	switch {
	case size.value == 0:
	case percent.value > 0:
		c.clash(size.leaf, percent.leaf, "a warm pool cannot stand beside Spot instances (AWS refuses it)")
	case types.usable() && len(types.items) > 1:
		c.clash(size.leaf, types.leaf, "a warm pool cannot stand beside several instance types (AWS refuses it)")
	}
}

func (c checker) checkScaleOut(s settings) {
	if target := s.ScaleOut.TargetLatency; target.usable() && target.value < shortestTarget {
		c.warn(target.at, "%s is out of reach of one-minute metrics and two-minute boots (5m or more)", short(target.value))
	}
	method := s.ScaleOut.Method
	if !method.usable() || method.value != targetTracking {
		return
	}
	if least := s.Capacity.Min; least.usable() && least.value == 0 {
		c.clash(method.leaf, least.leaf, trackingFromZero)
	}
	for _, of := range []leaf{s.ScaleIn.CPUBelow.leaf, s.ScaleIn.For.leaf, s.ScaleIn.RemovePercent.leaf} {
		if of.at.line > 0 && specificity(of.at) >= specificity(method.at) {
			c.warn(of.at, "has no effect with scaleOut.method targetTracking (AWS scales the group in then)")
		}
	}
}
