package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// claims is the payload of a token, or the answer of the application. Unknown claims are ignored (RFC 7519); names are
// case-sensitive.
type claims struct {
	subject, issuer           string
	audience                  jwt.ClaimStrings
	expires, notBefore, since *jwt.NumericDate // exp, nbf, iat
	pathsync                  tree.Value       // nil: absent
}

var _ jwt.Claims = (*claims)(nil)

// UnmarshalJSON parses the claims strictly. encoding/json would match names in any case and accept duplicates.
func (c *claims) UnmarshalJSON(text []byte) error {
	o, err := parseObject(text)
	if err != nil {
		return &claimsError{err}
	}
	m := members{of: o}
	*c = claims{
		subject: m.text("sub"), issuer: m.text("iss"), audience: m.audience(),
		expires: m.date("exp"), notBefore: m.date("nbf"), since: m.date("iat"),
		pathsync: o.Get("pathsync"),
	}
	if m.err != nil {
		return &claimsError{m.err}
	}
	return nil
}

// claimsError describes a fault of claims. Its text contains none of their values.
type claimsError struct{ error }

// The methods of jwt.Claims. The library checks the values.

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.since, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.notBefore, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return c.audience, nil }

// identity returns the user and the permissions. The signature has been verified.
func (c *claims) identity() (access.Identity, error) {
	if c.subject == "" {
		return access.Identity{}, refuse("it has no sub")
	}
	if err := core.CheckText(c.subject, core.MaxUserLength); err != nil {
		return access.Identity{}, refuse("its sub %s", err)
	}
	identity, err := permissions(c.pathsync)
	if err != nil {
		return access.Identity{}, refuse("its claim pathsync is invalid: %s", err)
	}
	identity.User, identity.Expires = c.subject, c.expires.Time
	return identity, nil
}

// lastDate is the end of the year 9999. A larger NumericDate is probably in milliseconds and would never expire.
var lastDate = float64(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix())

// date returns a NumericDate (RFC 7519, section 2): seconds, possibly with a fraction.
func (m *members) date(name string) *jwt.NumericDate {
	v := m.of.Get(name)
	if v == nil {
		return nil
	}
	number, _ := v.(tree.Number)
	seconds, ok := number.Float64()
	if !ok || seconds < -lastDate || seconds > lastDate {
		m.fail("%s is not a date in seconds since 1970", name)
		return nil
	}
	return jwt.NewNumericDate(time.UnixMilli(int64(seconds * 1000)))
}

// audience returns `aud`: a string, or an array of strings.
func (m *members) audience() jwt.ClaimStrings {
	switch v := m.of.Get("aud").(type) {
	case nil:
		return nil
	case tree.String:
		return jwt.ClaimStrings{string(v)}
	case *tree.Array:
		audience := make(jwt.ClaimStrings, 0, v.Len())
		for one := range v.Values() {
			text, ok := one.(tree.String)
			if !ok {
				m.fail("aud has the wrong type")
			}
			audience = append(audience, string(text))
		}
		return audience
	default:
		m.fail("aud has the wrong type")
		return nil
	}
}

// ParsePermissions parses the JSON text of a claim `pathsync`. An empty text and null grant nothing.
func ParsePermissions(text []byte) (access.Identity, error) {
	if len(text) == 0 {
		return access.Identity{}, nil
	}
	v, err := tree.Parse(text, maxClaimsDepth)
	if err != nil {
		return access.Identity{}, err
	}
	return permissions(v)
}

var (
	errNoRoom    = errors.New("it has neither room nor match")
	errTwoRooms  = errors.New("it has both room and match")
	errEmptyKey  = errors.New("its key is empty")
	errWrongType = errors.New("it has the wrong type")
)

// permissions parses `{rooms?, readOnly?}`. It refuses unknown members, since an unknown restriction must not become a
// grant. A member that is null is absent.
func permissions(v tree.Value) (identity access.Identity, err error) {
	if isAbsent(v) {
		return identity, nil
	}
	o, ok := v.(*tree.Object)
	if !ok {
		return identity, errWrongType
	}
	m := members{of: o}
	m.only("rooms", "readOnly")
	grants, restrictions := m.list("rooms"), m.list("readOnly")
	if m.err != nil {
		return access.Identity{}, m.err
	}
	for i, v := range grants {
		g, err := grant(v)
		if err != nil {
			return access.Identity{}, fmt.Errorf("rooms[%d]: %w", i, err)
		}
		identity.Grants = append(identity.Grants, g)
	}
	for i, v := range restrictions {
		r, err := readOnly(v)
		if err != nil {
			return access.Identity{}, fmt.Errorf("readOnly[%d]: %w", i, err)
		}
		identity.ReadOnly = append(identity.ReadOnly, r)
	}
	return identity, nil
}

// grant parses `{room | match, read?, write?, presence?}`.
func grant(v tree.Value) (g access.Grant, err error) {
	o, ok := v.(*tree.Object)
	if !ok {
		return g, errWrongType
	}
	m := members{of: o}
	m.only("room", "match", "read", "write", "presence")
	rooms, named := m.rooms()
	if !named && m.err == nil {
		m.err = errNoRoom
	}
	g = access.Grant{Rooms: rooms, Read: m.bool("read"), Write: m.bool("write"), Presence: m.bool("presence")}
	return g, m.err
}

// readOnly parses `{room | match, key?, path?}`. Without a room it applies to every room, and without a key to every key.
func readOnly(v tree.Value) (r access.ReadOnly, err error) {
	o, ok := v.(*tree.Object)
	if !ok {
		return r, errWrongType
	}
	m := members{of: o}
	m.only("room", "match", "key", "path")
	rooms, named := m.rooms()
	if !named {
		rooms = access.Glob("*")
	}
	r = access.ReadOnly{Rooms: rooms, Keys: access.Glob("*")}
	if !isAbsent(o.Get("key")) {
		key := m.text("key")
		if key == "" && m.err == nil {
			m.err = errEmptyKey
		}
		r.Keys = access.Glob(key)
	}
	if r.Path, err = path.Parse(m.text("path")); err != nil && m.err == nil {
		m.err = fmt.Errorf("its path: %w", err)
	}
	return r, m.err
}

// rooms returns the rooms of an entry: `room` is a name, and `match` a pattern in which `*` matches any characters.
func (m *members) rooms() (p access.Pattern, named bool) {
	room, match := m.text("room"), m.text("match")
	switch {
	case room != "" && match != "":
		m.fail("%w", errTwoRooms)
		return p, false
	case room != "":
		return access.Exact(room), true
	case match != "":
		return access.Glob(match), true
	default:
		return p, false
	}
}
