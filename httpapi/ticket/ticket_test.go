package ticket

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/access"
)

func TestMemoryOfTicketsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := NewStore()
		issued := 0
		for ; issued < maxTickets; issued++ {
			identity := access.Identity{
				User:   fmt.Sprint("user", issued),
				Grants: []access.Grant{{Rooms: access.Exact(strings.Repeat("r", 200)), Read: true}},
			}
			if _, ok := tickets.Issue(identity, "", []string{strings.Repeat("x", 4000)}); !ok {
				break
			}
		}
		if least, most := maxMemory/8000, maxMemory/4000; issued < least || issued > most {
			t.Errorf("%d tickets of about 5 KB were issued", issued)
		}
		time.Sleep(Life)
		if _, ok := tickets.Issue(access.Identity{User: "later"}, "", []string{"r"}); !ok {
			t.Error("no ticket is issued after all have expired")
		}
		if n := tickets.Memory(); n > 1000 {
			t.Errorf("one ticket takes %d bytes", n)
		}
	})
}
