package sim

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// exactly runs a world so that its seed repeats it, if Go allows: one goroutine runs at a time, no garbage collection interrupts it, and
// even names of epochs come from the seed.
func exactly(t *testing.T, seed uint64, batches int, check func(t *testing.T, w *world)) {
	if !raceDetector {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		runtime.GC()
	}
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed, batches)
		w.run()
		check(t, w)
	})
}

// fingerprintOf makes the test print the fingerprint of one run, in a process of its own.
const fingerprintOf = "PATHSYNC_SIM_FINGERPRINT_OF"

// Two processes must agree on everything: each commit, answer and delivery, and its time. Most pairs do. Others differ, because Go's
// scheduler interrupts a goroutine that has not finished after 10 ms of real time, as on a busy machine, and its select and maps
// choose at random. The race detector makes the scheduler choose at random, too.
func TestSeedRepeatsARun(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes the order of goroutines random; make test runs this test without it")
	}
	if os.Getenv(fingerprintOf) != "" {
		exactly(t, uint64(setting(t, fingerprintOf, 0)), batchesOfRun/4, func(_ *testing.T, w *world) {
			lines := w.records.lines()
			fmt.Printf("%d %x\n", len(lines), sha256.Sum256([]byte(strings.Join(lines, "\n"))))
		})
		return
	}
	seeds := setting(t, "PATHSYNC_SIM_REPEATED", len(profiles))
	for seed := range seeds {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) { repeats(t, seed) })
	}
}

// The first limits the runs of a seed, the second those of which no two are the same although the process had a processor to itself.
const (
	maxRuns    = 12
	maxDiffers = 4
)

// repeats checks that two runs of a seed are the same.
func repeats(t *testing.T, seed int) {
	var prints []string
	undisturbed := 0
	for range maxRuns {
		next, alone := fingerprint(t, seed)
		if slices.Contains(prints, next) {
			t.Logf("two of %d runs are the same", len(prints)+1)
			return
		}
		prints = append(prints, next)
		if alone {
			undisturbed++
		}
		if undisturbed == maxDiffers {
			t.Fatalf("all runs are different: %q", prints)
		}
	}
	t.Skipf("the machine is too busy: %d of %d processes had no processor to themselves", len(prints)-undisturbed, len(prints))
}

// fingerprint runs a seed in another process, and reports whether that had a processor to itself for most of the time.
func fingerprint(t *testing.T, seed int) (print string, alone bool) {
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeedRepeatsARun$", "-test.timeout=1m")
	c.Env = append(os.Environ(), fmt.Sprint(fingerprintOf, "=", seed))
	began := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("seed %d: %v: %s", seed, err, out)
	}
	took, used := time.Since(began), c.ProcessState.UserTime()+c.ProcessState.SystemTime()
	print, _, _ = strings.Cut(string(out), "\n")
	return print, took < used*3/2
}
