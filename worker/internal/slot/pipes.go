package slot

import (
	"os"
	"time"
)

type pipe struct{ read, write *os.File }

// pipes connect a supervisor with one slot.
type pipes struct{ orders, reports, output pipe }

func openPipes() (*pipes, error) {
	var p pipes
	for _, end := range []*pipe{&p.orders, &p.reports, &p.output} {
		var err error
		if end.read, end.write, err = os.Pipe(); err != nil {
			p.closeAll()
			return nil, err
		}
	}
	return &p, nil
}

func (p *pipes) closeChildSide() {
	closeFiles(p.orders.read, p.reports.write, p.output.write)
}

func (p *pipes) closeParentSide() {
	closeFiles(p.orders.write, p.reports.read, p.output.read)
}

func (p *pipes) closeAll() {
	p.closeChildSide()
	p.closeParentSide()
}

// endReading lets the readers take what is in the pipes and stops them after at most d.
func (p *pipes) endReading(d time.Duration) {
	at := time.Now().Add(d)
	_ = p.reports.read.SetReadDeadline(at) // pipes of os.Pipe have deadlines
	_ = p.output.read.SetReadDeadline(at)
}

// closeFiles closes files, of which some may be nil or closed already.
func closeFiles(files ...*os.File) {
	for _, f := range files {
		_ = f.Close() // the error of a nil or closed file says nothing
	}
}
