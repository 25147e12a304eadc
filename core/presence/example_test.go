package presence_test

import (
	"fmt"
	"time"

	"github.com/pathsync/pathsync/core/presence"
)

// A client closes its stream, and leaves when its lease expires.
func Example() {
	now := time.Unix(0, 0)
	table := presence.New("", 15*time.Second, 100, nil)
	table.Connect("ann", "u-1", "Ann", 1, now)
	change, _ := table.TakeChange()
	fmt.Println("joined", change.Joined[0].DisplayName)

	table.Disconnect("ann", 1, now)
	until, _ := table.NextExpiry()
	fmt.Println("lease", until.Sub(now))

	table.Expire(until)
	change, _ = table.TakeChange()
	fmt.Println("left", change.Left)
	// Output:
	// joined Ann
	// lease 15s
	// left [ann]
}
