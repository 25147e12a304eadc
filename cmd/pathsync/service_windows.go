package main

import (
	"context"

	"golang.org/x/sys/windows/svc"

	"github.com/pathsync/pathsync/server"
)

// runService runs the program as a Windows service, if Windows has started it as one. A stop request ends the context. The
// service reports Running at once; /readyz reports whether the server is ready.
func runService(ctx context.Context, run func(context.Context) int) (code int, isService bool) {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return 0, false
	}
	s := &service{ctx: ctx, run: run}
	if err := svc.Run("", s); err != nil {
		return exitFailed, true
	}
	return s.code, true
}

type service struct {
	ctx  context.Context //nolint:containedctx // of the process
	run  func(context.Context) int
	code int
}

// Execute implements svc.Handler.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, exitCode uint32) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	ended := make(chan int, 1)
	go func() { ended <- s.run(ctx) }()
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case s.code = <-ended:
			return true, uint32(s.code) //nolint:gosec // 0, 1 or 2
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32(server.ShutdownTimeout.Milliseconds())}
				stop()
			}
		}
	}
}
