package presence

import (
	"fmt"
	"testing"
)

func TestHiddenClientHasAUserAndIsNeitherListedNorLimited(t *testing.T) {
	p := New("", lease, 1, nil)
	for i := range 3 {
		p.ConnectHidden(fmt.Sprint("hidden-", i), "user", i+1, presenceStart)
	}
	wantChange(t, p, nil, nil, nil)
	if !p.Connect("ann", "", "", 4, presenceStart) || p.Connect("ben", "", "", 5, presenceStart) {
		t.Error("hidden clients count against the limit")
	}
	wantChange(t, p, []string{"ann"}, nil, nil)
	if p.Len() != 1 || len(p.Users()) != 1 || p.UserOf("hidden-1") != "user" || p.Memory() < 4*memberMemory {
		t.Errorf("%d present: %+v; %d bytes", p.Len(), p.Users(), p.Memory())
	}
	p.Disconnect("hidden-1", 2, presenceStart)
	if p.UserOf("hidden-1") != "" {
		t.Error("the table keeps a hidden client without a stream")
	}
	wantChange(t, p, nil, nil, nil)
}

func TestHiddenClientThatIsShownJoinsAndTheReverse(t *testing.T) {
	p := New("", lease, 10, nil)
	p.ConnectHidden("ann", "", 1, presenceStart)
	p.Update("ann", "", Update{Field: "title"}, presenceStart)
	wantChange(t, p, []string{"ann"}, nil, nil)
	if at, running := p.NextExpiry(); running {
		t.Errorf("its stream does not keep it present: the lease ends at %v", at)
	}
	p.ConnectHidden("ann", "", 2, presenceStart)
	wantChange(t, p, nil, nil, []string{"ann"})
	p.Connect("ann", "", "", 3, presenceStart)
	p.Disconnect("ann", 2, presenceStart)
	wantChange(t, p, []string{"ann"}, nil, nil)
	if u := p.Users(); len(u) != 1 || u[0].Field != "" {
		t.Errorf("%+v", u)
	}
}
