package localec2

import "time"

// InterruptSpot gives an instance notice that it ends, and ends it then.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
func (l *Launcher) InterruptSpot(i *Instance, notice time.Duration) {
	i.Metadata.InterruptSpot(time.Now().Add(notice))
	l.workers.Go(func() {
		select {
		case <-i.Machine.Done():
		case <-time.After(notice):
			i.Machine.Shutdown()
		}
	})
}
