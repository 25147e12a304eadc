package bus

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	logInterval = time.Minute
	// maxLogged limits the lines of one interval, because their number may depend on messages of strangers.
	maxLogged = 100
)

// limitedLog logs a line at most once a minute.
type limitedLog struct {
	to  *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	since  time.Time
	logged map[string]bool // in the minute since
}

func newLimitedLog(to *slog.Logger) *limitedLog {
	return &limitedLog{to: to, now: time.Now, logged: map[string]bool{}}
}

// warn logs a line unless one with the same key was logged within a minute.
func (l *limitedLog) warn(key, message string, args ...any) {
	if l.first(key) {
		l.to.Warn(message, args...)
	}
}

func (l *limitedLog) first(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.since) >= logInterval {
		l.since = now
		clear(l.logged)
	}
	if l.logged[key] || len(l.logged) >= maxLogged {
		return false
	}
	l.logged[key] = true
	return true
}

// serverLog is the log of the embedded NATS.
type serverLog struct {
	*limitedLog
	fatal chan error // gets the first fatal error
}

// A refused server connects again every second, from another port and with another number.
var changing = regexp.MustCompile(`:\d+`)

// Noticef logs what NATS does normally. It concerns developers only.
func (l *serverLog) Noticef(format string, v ...any) {
	l.to.Debug("nats: " + fmt.Sprintf(format, v...))
}

// Debugf and Tracef are not called, because they are disabled.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef does nothing.
func (l *serverLog) Tracef(string, ...any) {}

// Warnf logs a warning.
func (l *serverLog) Warnf(format string, v ...any) { l.problem(fmt.Sprintf(format, v...)) }

// Errorf logs an error. None is an error of this server: they are other servers that cannot be reached or are refused.
func (l *serverLog) Errorf(format string, v ...any) { l.problem(fmt.Sprintf(format, v...)) }

func (l *serverLog) problem(text string) {
	message := "the embedded NATS reports a problem"
	switch {
	case strings.Contains(text, "TLS route handshake error"):
		message = "another server was refused or refuses this one: their secrets differ, or it is not pathsync"
	case strings.Contains(text, "Error trying to connect to route"):
		message = "another server cannot be reached; retrying"
	}
	l.warn(changing.ReplaceAllString(text, ""), message, "nats", text)
}

// Fatalf reports that NATS cannot start.
func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if strings.HasPrefix(text, noClientPort) {
		return
	}
	select {
	case l.fatal <- fmt.Errorf("%s", text):
	default:
	}
}
