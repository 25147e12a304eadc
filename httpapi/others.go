package httpapi

import (
	"context"
	"slices"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core/packed"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// A ticket is known to the server that has issued it, and a stream to the server that has it. When a request reaches another
// server, that one asks all others. Servers pass on tokens, not identities: each verifies them itself.

const (
	topicTicket = "ticket"
	topicRenew  = "renew"
)

func (s *Server) answerOthers() {
	s.hub.Respond(topicTicket, s.redeemForOther)
	s.hub.Respond(topicRenew, s.renewForOther)
}

// redeemElsewhere redeems a ticket of another server and returns the token for which it was issued.
func (s *Server) redeemElsewhere(ctx context.Context, text string, rooms []string) (token string, ok bool) {
	var question packed.Message
	question.Text(text)
	for _, room := range rooms {
		question.Text(room)
	}
	ok = s.hub.Ask(ctx, topicTicket, question, func(answer []byte) bool {
		token = packed.Read(answer).Text()
		return token != ""
	})
	return token, ok
}

func (s *Server) redeemForOther(_ context.Context, question []byte) []byte {
	r := packed.Read(question)
	text := r.Text()
	var rooms []string
	for r.More() {
		rooms = append(rooms, r.Text())
	}
	var answer packed.Message
	if t, ok := s.tickets.Redeem(text, rooms); r.Err() == nil && ok {
		answer.Text(t.Token)
	}
	return answer
}

// renewElsewhere renews a stream at another server. The error is that of feed.Expiry.Renew. ok is false if no other server
// has the stream.
func (s *Server) renewElsewhere(ctx context.Context, room, clientID, token string) (ok bool, err error) {
	var question packed.Message
	question.Text(room)
	question.Text(clientID)
	question.Text(token)
	ok = s.hub.Ask(ctx, topicRenew, question, func(answer []byte) bool {
		r := packed.Read(answer)
		found, code, detail := r.Bool(), r.Text(), r.Text()
		if code != "" && r.Err() == nil {
			err = problemOf(problem.Code(code), detail)
		}
		return found && r.Err() == nil
	})
	return ok, err
}

func (s *Server) renewForOther(ctx context.Context, question []byte) []byte {
	r := packed.Read(question)
	room, clientID, token := r.Text(), r.Text(), r.Text()
	var answer packed.Message
	if r.Err() != nil {
		return answer
	}
	found, err := s.renewHere(room, clientID, func() (access.Identity, error) { return s.verify(ctx, token) })
	answer.Bool(found)
	if err != nil {
		p := problem.From(err)
		answer.Text(string(p.Code))
		answer.Text(p.Detail)
	} else {
		answer.Text("")
		answer.Text("")
	}
	return answer
}

// renewHere renews a stream of this server, and reports whether it has the stream.
func (s *Server) renewHere(name, clientID string, identify func() (access.Identity, error)) (found bool, err error) {
	room, release, ok := s.hub.RoomIfOpen(name)
	if !ok {
		return false, nil
	}
	defer release()
	expiry := feed.Of(room).ExpiryOf(clientID)
	if expiry == nil {
		return false, nil
	}
	identity, err := identify()
	switch {
	case err != nil:
		return true, err
	case identity.Expired(time.Now()):
		return true, errExpired()
	default:
		return true, expiry.Renew(identity)
	}
}

// problemOf returns the problem of another server, whose version may have other codes.
func problemOf(code problem.Code, detail string) error {
	if !slices.Contains(problem.Codes(), code) {
		code = problem.Internal
	}
	if code == problem.Unauthenticated {
		return problem.Challenge(detail, true)
	}
	return problem.New(code, detail)
}
