package httpapi

import (
	"strconv"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// postOps commits one batch.
func (s *Server) postOps(w *response, r *request) error {
	body, err := s.readBody(w, r, s.cfg.MaxBodyBytes)
	if err != nil {
		return err
	}
	proposal, err := s.decodeBatch(w, r, body)
	if err != nil {
		return err
	}
	name, err := r.roomName()
	if err != nil {
		return err
	}
	identity := r.identity
	if err := checkReadOnly(identity, name, proposal); err != nil {
		return err
	}
	proposal.UserID = identity.User
	room, release, err := s.room(r)
	if err != nil {
		return err
	}
	defer release()
	if err := s.limits.CountBatch(room.Name(), proposal.ClientID, proposal.UserID); err != nil {
		return err
	}
	answer, err := room.Submit(r.Context(), proposal)
	if err != nil {
		return err
	}
	body = wire.AppendAnswer(make([]byte, 0, 256), room.Epoch(), answer)
	if len(body) > smallResponse {
		_ = w.reservation.Hold(int64(cap(body))) // the batch is committed, so the response is sent even without memory for it
		w.reservation.WaitsForClient(w.cutAnswer)
		defer w.reservation.Proceeds()
	}
	return w.json(body)
}

// smallResponse is the maximum size of a response in bytes whose memory is not counted while the client does not read it.
const smallResponse = 4 << 10

// decodeBatch decodes a batch and reserves its memory until the request ends.
func (s *Server) decodeBatch(w *response, r *request, body []byte) (*core.Proposal, error) {
	release, err := s.decoding.Acquire(r.Context(), len(body))
	if err != nil {
		return nil, err
	}
	defer release()
	proposal, err := wire.DecodeBatch(body, s.cfg.bodyLimits())
	if err != nil {
		return nil, err
	}
	return proposal, w.reservation.Hold(int64(cap(body) + proposal.Memory()))
}

// checkReadOnly refuses a batch with operations on read-only parts. Write permission in the room has been checked.
func checkReadOnly(identity access.Identity, room string, p *core.Proposal) error {
	if len(identity.ReadOnly) == 0 {
		return nil
	}
	var faults []problem.FieldError
	for i := range p.Ops {
		if len(faults) < wire.MaxFieldErrors && !identity.AllowsOp(room, p.Key, &p.Ops[i].Op) {
			faults = append(faults, problem.FieldError{Pointer: "/ops/" + strconv.Itoa(i), Detail: "would change a read-only part"})
		}
	}
	p.Allows = func(op *tree.Op) bool { return identity.AllowsOp(room, p.Key, op) }
	if len(faults) > 0 {
		return problem.New(problem.Forbidden, "a part of this document is read-only", faults...)
	}
	return nil
}
