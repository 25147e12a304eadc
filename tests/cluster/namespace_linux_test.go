package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The tests run in a network namespace of their own, which forwards packets between the namespaces of the places. Namespaces
// have no names: the kernel removes them, with their interfaces, when the last process in them ends, also if the tests are
// killed.

// inNamespace is set in the process that has a namespace of its own.
const inNamespace = "PATHSYNC_CLUSTER_NAMESPACE"

// runInNamespace runs the tests in a process with a network namespace of its own, and returns its exit code. ok is false if this is
// that process, or if none can be started; then this process runs the tests.
func runInNamespace() (code int, ok bool) {
	if _, err := exec.LookPath("ip"); err != nil || os.Getenv(inNamespace) != "" {
		return 0, false
	}
	runtime.LockOSThread() // the process ends with this thread
	defer runtime.UnlockOSThread()
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		// A user namespace permits the rest without root, where the system permits that.
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN}
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdin, os.Stdout, os.Stderr, attr
	if err := cmd.Start(); err != nil {
		return 0, false
	}
	err := cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "running the tests in a network namespace:", err)
		return 1, true
	}
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, true
	}
	return 1, true // a signal
}

// namespace is a network namespace.
type namespace struct{ file *os.File }

// newNamespace makes a namespace. It ends when it is closed and no process is in it.
func newNamespace() (ns *namespace, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with this goroutine
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		ns = new(namespace)
		ns.file, err = os.Open("/proc/thread-self/ns/net")
	}()
	<-done
	return ns, err
}

func (n *namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// enter moves the current thread into the namespace.
func (n *namespace) enter() error { return unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET) }

// run calls start in the namespace.
func (n *namespace) run(start func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with this goroutine
		if err := n.enter(); err != nil {
			done <- err
			return
		}
		done <- start()
	}()
	return <-done
}

// ip runs commands of the program ip, one a line.
func ip(commands ...string) error { return ipCommand(commands, (*exec.Cmd).CombinedOutput) }

// ip runs commands of the program ip in the namespace.
func (n *namespace) ip(commands ...string) error {
	return ipCommand(commands, func(cmd *exec.Cmd) (out []byte, err error) {
		err = n.run(func() error {
			out, err = cmd.CombinedOutput()
			return err
		})
		return out, err
	})
}

func ipCommand(commands []string, output func(*exec.Cmd) ([]byte, error)) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := output(cmd); err != nil {
		return fmt.Errorf("ip -batch: %s: %w: %s", strings.Join(commands, "; "), err, out)
	}
	return nil
}

// router is the namespace of the tests.
type router struct{}

// lastPlace numbers the places of all networks. Place n has the address 10.77.n.2.
var lastPlace atomic.Int64

// newRouter returns nil if this machine has no namespaces for the tests.
func newRouter(t *testing.T) *router {
	t.Helper()
	if os.Getenv(inNamespace) == "" {
		t.Log("without network namespaces (root, or user namespaces; iproute2): no link is cut")
		return nil
	}
	return &router{}
}

// prepareNamespace makes the namespace of the tests forward packets.
func prepareNamespace() error {
	if os.Getenv(inNamespace) == "" {
		return nil
	}
	if err := ip("link set lo up"); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

// connect makes a namespace that reaches the others through the router, and returns its address.
func (r *router) connect(t *testing.T) (*namespace, string) {
	t.Helper()
	ns, err := newNamespace()
	if err != nil {
		t.Fatalf("making a network namespace: %v", err)
	}
	t.Cleanup(func() { ns.file.Close() })
	number := lastPlace.Add(1)
	link, net := fmt.Sprint("place", number), fmt.Sprint("10.77.", number)
	err = errors.Join(
		ip("link add "+link+" type veth peer name eth0 netns "+ns.path(),
			"addr add "+net+".1/24 dev "+link,
			"link set "+link+" up"),
		ns.ip("link set lo up", "addr add "+net+".2/24 dev eth0", "link set eth0 up", "route add default via "+net+".1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ip("link del " + link) })
	return ns, net + ".2"
}

// drop makes the router drop the packets of one direction. Senders notice nothing: there is no ICMP message.
func (r *router) drop(t *testing.T, d direction) {
	t.Helper()
	if err := ip("rule add " + rule(d)); err != nil {
		t.Error(err)
	}
}

func (r *router) heal(t *testing.T, d direction) {
	t.Helper()
	if err := ip("rule del " + rule(d)); err != nil {
		t.Error(err)
	}
}

func rule(d direction) string {
	return fmt.Sprintf("from %s to %s priority 100 blackhole", d.from.host, d.to.host)
}
