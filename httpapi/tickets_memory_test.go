package httpapi

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/access"
)

func TestTheMemoryOfTicketsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := newTickets()
		issued := 0
		for ; issued < maxTickets; issued++ {
			identity := access.Identity{
				User:   fmt.Sprint("user", issued),
				Grants: []access.Grant{{Rooms: access.Exact(strings.Repeat("r", 200)), Read: true}},
			}
			if _, ok := tickets.issue(identity, []string{strings.Repeat("x", 4000)}); !ok {
				break
			}
		}
		if least, most := maxTicketMemory/8000, maxTicketMemory/4000; issued < least || issued > most {
			t.Errorf("%d tickets of about 5 KB were issued", issued)
		}
		time.Sleep(ticketLife)
		if _, ok := tickets.issue(access.Identity{User: "later"}, []string{"r"}); !ok {
			t.Error("none is issued when all have expired")
		}
		if n := tickets.memory(); n > 1000 {
			t.Errorf("one ticket takes %d bytes", n)
		}
	})
}
