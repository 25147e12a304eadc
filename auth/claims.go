package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
)

// claims is what a token says.
type claims struct {
	jwt.RegisteredClaims
	Pathsync json.RawMessage `json:"pathsync"`
}

// identity reads the claims. The token is known to be the issuer's.
func (c *claims) identity() (core.Identity, error) {
	if c.Subject == "" {
		return core.Identity{}, refuse("it has no sub")
	}
	if err := core.CheckText(c.Subject, core.MaxUserLength); err != nil {
		return core.Identity{}, refuse("its sub %s", err)
	}
	identity, err := ParsePermissions(c.Pathsync)
	if err != nil {
		return core.Identity{}, refuse("its claim pathsync is not as it should be: %s", err)
	}
	identity.User, identity.Expires = c.Subject, c.ExpiresAt.Time
	return identity, nil
}

// permissions is the claim `pathsync`.
type permissions struct {
	Rooms    []grant    `json:"rooms"`
	ReadOnly []readOnly `json:"readOnly"`
}

// rooms names rooms by exactly one of its members.
type rooms struct {
	Room  string `json:"room"`  // a whole name
	Match string `json:"match"` // a pattern, in which `*` stands for anything
}

type grant struct {
	rooms
	Read     bool `json:"read"`
	Write    bool `json:"write"`
	Presence bool `json:"presence"`
}

type readOnly struct {
	rooms         // neither member: every room
	Key   *string `json:"key"`  // a pattern; nil: every key
	Path  string  `json:"path"` // "" for the whole document
}

// ParsePermissions reads what a user may do, as the claim `pathsync` has it. Nothing, and null, is no permission at all.
func ParsePermissions(text []byte) (core.Identity, error) {
	var p permissions
	if len(text) > 0 {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			return core.Identity{}, describe(err)
		}
	}
	var identity core.Identity
	for i, g := range p.Rooms {
		pattern, ok, err := g.pattern()
		if err == nil && !ok {
			err = errNoRoom
		}
		if err != nil {
			return core.Identity{}, fmt.Errorf("rooms[%d]: %w", i, err)
		}
		identity.Grants = append(identity.Grants, core.Grant{Rooms: pattern, Read: g.Read, Write: g.Write, Presence: g.Presence})
	}
	for i, r := range p.ReadOnly {
		part, err := r.part()
		if err != nil {
			return core.Identity{}, fmt.Errorf("readOnly[%d]: %w", i, err)
		}
		identity.ReadOnly = append(identity.ReadOnly, part)
	}
	return identity, nil
}

var (
	errNoRoom    = errors.New("it names no room, by room or match")
	errTwoRooms  = errors.New("it has both room and match")
	errEmptyKey  = errors.New("its key is empty")
	errWrongType = errors.New("a member has a value of another type")
)

func (r rooms) pattern() (p core.Pattern, ok bool, err error) {
	switch {
	case r.Room != "" && r.Match != "":
		return p, false, errTwoRooms
	case r.Room != "":
		return core.Exactly(r.Room), true, nil
	case r.Match != "":
		return core.Matching(r.Match), true, nil
	default:
		return p, false, nil
	}
}

func (r readOnly) part() (core.ReadOnly, error) {
	rooms, ok, err := r.pattern()
	if err != nil {
		return core.ReadOnly{}, err
	}
	part := core.ReadOnly{Rooms: rooms, Keys: core.Matching("*")}
	if !ok {
		part.Rooms = core.Matching("*")
	}
	if r.Key != nil {
		if *r.Key == "" {
			return core.ReadOnly{}, errEmptyKey
		}
		part.Keys = core.Matching(*r.Key)
	}
	if part.Path, err = path.Parse(r.Path); err != nil {
		return core.ReadOnly{}, fmt.Errorf("its path: %w", err)
	}
	return part, nil
}

// describe says what is wrong with a claim without repeating its values.
func describe(err error) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return fmt.Errorf("%s is of another type", wrongType.Field)
	case errors.As(err, &wrongType), errors.Is(err, io.EOF):
		return errWrongType
	default:
		return err
	}
}
