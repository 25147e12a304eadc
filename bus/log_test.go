package bus

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLineIsLoggedOnceAMinute(t *testing.T) {
	var text logs
	now := time.Now()
	l := newLimitedLog(text.logger())
	l.now = func() time.Time { return now }
	for range 3 {
		l.warn("key", "line")
		l.warn("other key", "other")
	}
	now = now.Add(logInterval)
	l.warn("key", "line")
	if got := text.String(); strings.Count(got, "line") != 2 || strings.Count(got, "other") != 1 {
		t.Errorf("the log is:\n%s", got)
	}
}

func TestStrangersCannotFloodTheLog(t *testing.T) {
	var text logs
	l := newLimitedLog(text.logger())
	for i := range 10 * maxLogged {
		l.warn(fmt.Sprint(i), "line")
	}
	if got := strings.Count(text.String(), "line"); got != maxLogged {
		t.Errorf("%d lines were logged", got)
	}
}

func TestRefusedConnectionsOfOneServerAreLoggedOnce(t *testing.T) {
	var text logs
	l := &serverLog{limitedLog: newLimitedLog(text.logger())}
	for i := range 3 {
		l.Errorf("%s:%d - rid:%d - TLS route handshake error: bad", "10.0.0.2", 40000+i, i)
		l.Errorf("%s:%d - rid:%d - TLS route handshake error: bad", "10.0.0.3", 40000+i, i)
	}
	if got := text.String(); strings.Count(got, "secrets differ") != 2 {
		t.Errorf("the log is:\n%s", got)
	}
}
