package httpapi

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// postOps takes in one batch.
func (s *Server) postOps(c echo.Context) error {
	body, err := s.readBody(c, s.cfg.MaxBodyBytes)
	if err != nil {
		return err
	}
	proposal, err := s.decodeInTurn(c, body)
	if err != nil {
		return err
	}
	name, err := pathName(c, "room", core.MaxRoomLength)
	if err != nil {
		return err
	}
	identity := identityOf(c)
	if err := allowedOps(identity, name, proposal); err != nil {
		return err
	}
	proposal.UserID = identity.User
	room, release, err := s.room(c)
	if err != nil {
		return err
	}
	defer release()
	if err := s.limits.batch(room.Name(), proposal.ClientID, proposal.UserID); err != nil {
		return err
	}
	answer, err := room.Submit(c.Request().Context(), proposal)
	if err != nil {
		return err
	}
	w, parcel := c.Response(), exchangeOf(c.Response()).parcel
	w.Header().Set("Cache-Control", noStore)
	body = appendAnswer(make([]byte, 0, 256), room.Epoch(), answer)
	if len(body) > smallAnswer {
		_ = parcel.hold(int64(cap(body))) // the batch is committed: its answer is sent even if there is no room for it
		parcel.waits(exchangeOf(w).cutAnswer)
		defer parcel.proceeds()
	}
	return c.JSONBlob(http.StatusOK, body)
}

// smallAnswer is the most that a client who does not read its answer may hold uncounted.
const smallAnswer = 4 << 10

// decodeInTurn reads a batch when there is memory for that, and has the exchange hold what it takes until it is answered.
func (s *Server) decodeInTurn(c echo.Context, body []byte) (*core.Proposal, error) {
	done, err := s.decoding.turn(c.Request().Context(), len(body))
	if err != nil {
		return nil, err
	}
	defer done()
	proposal, err := s.decodeBatch(body)
	if err != nil {
		return nil, err
	}
	return proposal, exchangeOf(c.Response()).parcel.hold(int64(cap(body) + proposal.Memory()))
}

// allowedOps refuses a batch with an operation on what is read-only to its sender: as a whole, like any that breaks a rule.
func allowedOps(identity access.Identity, room string, p *core.Proposal) error {
	if len(identity.ReadOnly) == 0 {
		return nil // that the room may be written to is known
	}
	d := decoder{}
	for i := range p.Ops {
		if !identity.AllowsOp(room, p.Key, &p.Ops[i].Op) {
			d.fault("/ops/"+strconv.Itoa(i), "would change what is read-only to you")
		}
	}
	p.Allows = func(op *tree.Op) bool { return identity.AllowsOp(room, p.Key, op) }
	if len(d.faults) > 0 {
		return problem(Forbidden, "a part of this document is read-only", d.faults...)
	}
	return nil
}
